export type DType = 'bool' | 'uint8' | 'int8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64' | 'float16' | 'bfloat16'
/** The values of float16 and bfloat16 are their bits. */
export type Values = Uint8Array | Uint16Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array

/** A tensor of the contract; a symbolic dim, such as the batch, is -1. */
export interface TensorSpec {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

export interface Input {
  shape: readonly number[]
  data: Values
}

export interface Output {
  dtype: DType
  shape: number[]
  data: Values
}

/** What replaying the goldens came to: the object of `verify --json`, and why it is no proof. */
export interface Report {
  passed: boolean
  verdicts: any
  problem: string
}

export interface SessionOptions {
  device?: string
  threads?: number
}

export interface VerifyOptions extends SessionOptions {
  engine?: string | null
  calls?: number
}

/** Every failure is an Error with the exit code of FORMAT.md section 11. */
export interface FerryError extends Error {
  code: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 9
}

export class Session {
  private constructor()
  readonly runtime: string
  readonly numerics: string
  run(inputs: Record<string, Input>): Record<string, Output>
  close(): void
}

export class Bundle {
  private constructor()
  readonly name: string
  readonly digest: string
  readonly manifest: any
  readonly engines: readonly string[]
  readonly classes: readonly string[]
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  allowNative(): void
  session(engine: string, options?: SessionOptions): Session
  verify(options?: VerifyOptions): Report
  close(): void
}

export interface Library {
  openMemory(bytes: Uint8Array): Bundle
}

/** Compiles the module; a page does this once. */
export function load(): Promise<Library>

export as namespace torchferry
