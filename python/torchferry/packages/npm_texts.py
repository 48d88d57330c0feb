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

function written(spec, view, value) {
  const values = spec.size === null ? [value] : value;
  if (values === undefined || values === null || values.length === undefined || (spec.size === null && value === undefined))
    throw new TypeError(`${spec.name}: got ${value}, expected ${spec.array} of ${view.length}`);
  if (values.length !== view.length)
    throw new RangeError(`${spec.name}: got ${values.length} numbers, expected ${view.length} (${spec.shape.join(" x ")})`);
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
  readonly array: string;
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
  /** Compute one sample. Throws TypeError for a missing or unknown input, RangeError for a wrong number of elements. */
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
  const zero = spec.array === "BigInt64Array" ? 0n : 0;
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
}
"""
