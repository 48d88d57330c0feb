'use strict'
// node trial.js BUNDLE: a user's program in JavaScript; see tests/package/test_wheel_languages.py.
const ferry = require('torchferry')

try {
  const bundle = ferry.openBundle(process.argv[2])
  bundle.allowNative()
  const input = { shape: [1, 2], data: new Float32Array([5.1, 1.8]) }
  console.log(bundle.session('c').run({ measurements: input }).net_input.data[0])
  console.log(bundle.verify({ engine: 'c' }).passed ? 'same' : 'other')
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exitCode = error.code ?? 9
}
