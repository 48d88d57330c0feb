"""The texts of an npm package; names between @ are put in."""

GLUE = """\
/* The model as a WebAssembly module: the host writes at input_NAME(), calls run() and reads at output_NAME(). */
#include "@MODEL@.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static @MODEL@_input input;
static @MODEL@_output output;
static @MODEL@_workspace workspace;
static @MODEL@_output tested[@UPPER@_BATCH_ROWS];
static @MODEL@_workspace test[@UPPER@_BATCH_ROWS];

@MEMBERS@EXPORT(run) int run(void) { return @MODEL@_run_with(&input, &output, &workspace); }
EXPORT(selftest) int selftest(void) { return @MODEL@_selftest_with(tested, test); }
"""

MODEL_JS = """\
// @MODEL@: a neural network in WebAssembly, written by torchferry. Do not edit; export again instead.
const ARRAYS = { Float32Array, Uint8Array, Int8Array, Int16Array, Int32Array, BigInt64Array };
export const inputs = Object.freeze(@INPUTS@);
export const outputs = Object.freeze(@OUTPUTS@);
export const classes = Object.freeze(@CLASSES@);
const MODULE = "@MODULE@";

const shown = (value) => (typeof value === "string" ? JSON.stringify(value.slice(0, 20)) : String(value));

// What is wrong with a number of a tensor, which an array of JavaScript would wrap, cut or make NaN of; undefined: nothing.
function problem({ dtype, limits, finite }, value) {
  const kind = dtype === "int64" ? "bigint" : "number";
  if (typeof value !== kind) return new TypeError(`got ${shown(value)} (${typeof value}), expected a ${kind}`);
  if (limits === null) {
    if (finite && !Number.isFinite(Math.fround(value))) return new RangeError(`got ${value}, expected a finite float32`);
  } else if ((kind === "number" && !Number.isInteger(value)) || value < limits[0] || value > limits[1]) {
    return new RangeError(`got ${value}, expected a whole number, ${limits[0]} to ${limits[1]}`);
  }
  return undefined;
}

const isArray = (value) => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

function written(spec, view, value) {
  const values = spec.size === null ? [value] : value;
  if (!isArray(values)) throw new TypeError(`${spec.name}: got ${shown(value)}, expected ${spec.array} of ${view.length}`);
  if (values.length !== view.length)
    throw new RangeError(`${spec.name}: got ${values.length} numbers, expected ${view.length} (${spec.shape.join(" x ")})`);
  for (let index = 0; index < view.length; ++index) {
    const wrong = problem(spec, values[index]);
    if (wrong !== undefined) {
      wrong.message = `${spec.name}${spec.size === null ? "" : `[${index}]`}: ${wrong.message}`;
      throw wrong;
    }
  }
  view.set(values);
}

/** One instance of the model, with memory of its own. */
export class Model {
  #exports;
  #inputs;
  #outputs;

  constructor(instance) {
    this.#exports = instance.exports;
    const view = (kind) => (spec) =>
      new ARRAYS[spec.array](this.#exports.memory.buffer, this.#exports[`${kind}_${spec.name}`](), spec.size ?? 1);
    this.#inputs = inputs.map(view("input"));
    this.#outputs = outputs.map(view("output"));
  }

  /** Compute one sample: values by input name; arrays are those of the caller, in C order. */
  run(values) {
    const names = inputs.map((spec) => spec.name);
    if (typeof values !== "object" || values === null)
      throw new TypeError(`run: got ${shown(values)}, expected an object with ${names.join(", ")}`);
    for (const name of Object.keys(values))
      if (!names.includes(name)) throw new TypeError(`${name}: got an unknown input, expected ${names.join(", ")}`);
    inputs.forEach((spec, index) => written(spec, this.#inputs[index], values[spec.name]));
    const status = this.#exports.run();
    if (status !== 0) throw new Error(`@MODEL@: run returned ${status}, expected 0`);
    const read = (spec, view) => (spec.size === null ? view[0] : view.slice());
    return Object.fromEntries(outputs.map((spec, index) => [spec.name, read(spec, this.#outputs[index])]));
  }

  /** Replay the samples of the self-test in this engine and compare every bit; throws where one differs. */
  verify() {
    const wrong = this.#exports.selftest();
    if (wrong !== -1) throw new Error(`@MODEL@: the self-test returned ${wrong}, expected -1; this engine gives other bits`);
  }
}

/** Compile the module and make a model of it. */
export async function load() {
  const bytes = Uint8Array.from(atob(MODULE), (letter) => letter.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes, {});
  return new Model(instance);
}
"""

TYPES_HEAD = """\
// @MODEL@: a neural network in WebAssembly, written by torchferry. Do not edit; export again instead.
"""

TYPES_MODEL = """\
/** One sample; arrays in C order. */
export interface Inputs {
@INPUTS@}

export interface Outputs {
@OUTPUTS@}

export interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly array: string;
  /** The smallest and the largest whole number that an input takes; null: it takes floats. */
  readonly limits: readonly [number | bigint, number | bigint] | null;
  /** Whether an input refuses NaN and infinity. */
  readonly finite: boolean;
  /** Elements of one sample; null: one number. */
  readonly size: number | null;
  readonly shape: readonly number[];
}

export declare const inputs: readonly Tensor[];
export declare const outputs: readonly Tensor[];
/** Names of the classes; empty where the model has none. */
export declare const classes: readonly string[];

/** One instance of the model, with memory of its own. */
export declare class Model {
  private constructor();
  /**
   * Compute one sample. Throws TypeError for a missing or unknown input and for what is no number, RangeError for a wrong number
   * of elements, for a number that its dtype would wrap or cut, and for one outside `limits` or not `finite`.
   */
  run(values: Inputs): Outputs;
  /** Replay the samples of the self-test and compare every bit; throws where one differs. */
  verify(): void;
}

export declare function load(): Promise<Model>;
"""

TEST_JS = """\
import assert from "node:assert";
import { test } from "node:test";

const zeros = (spec) => {
  const least = spec.limits === null ? 0 : spec.limits[0];
  const zero = least > 0 ? least : spec.dtype === "int64" ? 0n : 0; // inside of what the input takes
  return spec.size === null ? zero : new Array(spec.size).fill(zero);
};

for (const name of @MODELS@) {
  const model = await import(`../${name}.js`);
  const sample = () => Object.fromEntries(model.inputs.map((spec) => [spec.name, zeros(spec)]));

  test(`${name} gives the bits of its self-test`, async () => (await model.load()).verify());

  test(`${name} gives every output`, async () => {
    const answer = (await model.load()).run(sample());
    assert.deepStrictEqual(Object.keys(answer), model.outputs.map((spec) => spec.name));
    for (const spec of model.outputs) assert.strictEqual(answer[spec.name].length, spec.size ?? undefined);
  });

  test(`${name} refuses what is missing, too short or unknown`, async () => {
    const loaded = await model.load();
    assert.throws(() => loaded.run({}), TypeError);
    assert.throws(() => loaded.run({ ...sample(), unknown: [1] }), TypeError);
    const spec = model.inputs.find((one) => one.size !== null);
    if (spec !== undefined) assert.throws(() => loaded.run({ ...sample(), [spec.name]: [] }), RangeError);
  });

  test(`${name} refuses what would wrap, lose its fraction or become NaN`, async () => {
    const loaded = await model.load();
    assert.throws(() => loaded.run(null), TypeError);
    for (const spec of model.inputs) {
      const given = (value) => ({ ...sample(), [spec.name]: spec.size === null ? value : zeros(spec).fill(value) });
      for (const value of ["7", null, undefined, {}, [0], true]) assert.throws(() => loaded.run(given(value)), TypeError);
      if (spec.limits === null) assert.throws(() => loaded.run(given(1n)), TypeError);
      else if (spec.dtype === "int64") assert.throws(() => loaded.run(given(spec.limits[1] + 1n)), RangeError);
      else for (const value of [1.5, NaN, spec.limits[1] + 1]) assert.throws(() => loaded.run(given(value)), RangeError);
      if (spec.finite) for (const value of [NaN, Infinity, 1e300]) assert.throws(() => loaded.run(given(value)), RangeError);
      if (spec.size !== null) assert.throws(() => loaded.run({ ...sample(), [spec.name]: "x".repeat(spec.size) }), TypeError);
    }
  });
}
"""
