// node replay.mjs MODULE INPUTS OUTPUTS: whole output structs, one after the other; the test takes the padding out.
import { readFileSync, writeFileSync } from "node:fs";

const [moduleFile, inputFile, outputFile] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(moduleFile), {});
const { memory, input, output, input_bytes, output_bytes, selftest, step } = instance.exports;
if (selftest() !== -1) throw new Error(`self-test returned ${selftest()}`);
const inputs = readFileSync(inputFile);
const results = [];
for (let at = 0; at < inputs.length; at += input_bytes()) {
  new Uint8Array(memory.buffer, input(), input_bytes()).set(inputs.subarray(at, at + input_bytes()));
  if (step() !== 0) throw new Error(`sample at byte ${at}`);
  results.push(Buffer.from(new Uint8Array(memory.buffer, output(), output_bytes())));
}
writeFileSync(outputFile, Buffer.concat(results));
