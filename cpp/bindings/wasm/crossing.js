'use strict'
// node crossing.js run BUNDLE ENGINE < INPUT > OUTPUTS: raw bytes of the one input in, raw bytes of all outputs out, in order.
// node crossing.js verify BUNDLE: replays the goldens on every engine that can run here, and prints the report.
// BUNDLE: the one file that `ferry pack` wrote.
const fs = require('fs')
const torchferry = require('./torchferry.js')

const ARRAYS = {
  bool: Uint8Array, uint8: Uint8Array, int8: Int8Array, int16: Int16Array,
  int32: Int32Array, int64: BigInt64Array, float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array
}

function run(bundle, engine) {
  const [{ name, dtype, shape }] = bundle.inputs
  const content = fs.readFileSync(0)
  const bytes = ARRAYS[dtype].BYTES_PER_ELEMENT
  const batch = Math.floor(content.length / (shape.filter((dim) => dim >= 0).reduce((all, dim) => all * dim, 1) * bytes))
  const data = new ARRAYS[dtype](new Uint8Array(content).buffer, 0, Math.floor(content.length / bytes))
  const outputs = bundle.session(engine).run({ [name]: { shape: shape.map((dim) => (dim < 0 ? batch : dim)), data } })
  for (const { data } of Object.values(outputs)) fs.writeSync(1, Buffer.from(data.buffer, data.byteOffset, data.byteLength))
}

function verify(bundle) {
  const { passed, verdicts, problem } = bundle.verify()
  console.log(JSON.stringify(verdicts))
  if (!passed) throw Object.assign(new Error(problem), { code: 1 })
}

async function main([verb, path, engine]) {
  if (verb !== 'run' && verb !== 'verify') throw Object.assign(new Error('usage: crossing.js run BUNDLE ENGINE | verify BUNDLE'), { code: 2 })
  const ferry = await torchferry.load()
  const bundle = ferry.openMemory(new Uint8Array(fs.readFileSync(path)))
  bundle.allowNative()
  if (verb === 'run') run(bundle, engine)
  else verify(bundle)
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`error: ${error.message}`)
  process.exitCode = Number.isInteger(error.code) ? error.code : 9
})
