'use strict'
// node misuse.js PACKAGE CASE BUNDLE ENGINE ABSENT < IMAGE: see tests/bindings/test_misuse.py. JavaScript has no misaligned arrays.
const fs = require('fs')
const [, , place, name, path, engine, absent] = process.argv
const ferry = require(place)

const MINUTE = 60000

function into(session, image) {
  const memory = new ArrayBuffer(128)
  const logits = { shape: [1, 10], data: new Float32Array(memory, 0, name === 'small' ? 9 : 10) }
  const probabilities = { shape: [1, 10], data: new Float32Array(memory, name === 'overlap' ? 36 : 40, 10) }
  const label = { shape: [1], data: new BigInt64Array(1) }
  session.runInto({ image }, { logits, probabilities, label })
  return { logits, probabilities, label }
}

async function batched(bundle, image) {
  const wait = name === 'late' || name === 'batch' ? 50 : MINUTE
  const batcher = bundle.batcher(engine, { most: 2, wait, queue: 2, keepBits: name === 'kept' })
  if (name === 'closed-batcher') batcher.close()
  const call = batcher.submit({ image }, { limit: name === 'late' ? 1 : null })
  try {
    if (name === 'full') return await batcher.run({ image: { shape: [2, 8, 8], data: new Uint8Array(128) } })
    if (name === 'cancelled' || name === 'twice') call.cancel()
    if (name === 'twice') call.cancel()
  } finally {
    if (name === 'full') batcher.close()
  }
  return call.result
}

// What JavaScript's own types let a program ask for.
const WRONG = {
  'cut-engine': (bundle) => bundle.session('onnxruntime\0junk'),
  'wide-threads': (bundle) => bundle.session(engine, { threads: 2 ** 32 + 1 }),
  'text-threads': (bundle) => bundle.session(engine, { threads: '2' }),
  'wide-calls': (bundle) => bundle.verify({ engine, calls: 2 ** 32 + 1 }),
  'negative-most': (bundle) => bundle.batcher(engine, { most: -1, keepBits: false }),
  'nan-wait': (bundle) => bundle.batcher(engine, { wait: NaN, keepBits: false }),
  'text-timeout': (bundle) => bundle.setTimeout('1'),
  'no-inputs': (_, session) => session.run(),
  'no-tensor': (_, session) => session.run({ image: null }),
  'broken-shape': (_, session, image) => session.run({ image: { shape: [1.5, 8, 8], data: image.data } }),
  'nan-shape': (_, session, image) => session.run({ image: { shape: [NaN, 8, 8], data: image.data } }),
  'new-session': () => new ferry.Session(),
  'new-bundle': () => new ferry.Bundle()
}

async function misuse() {
  const bundle = ferry.openBundle(path)
  const session = bundle.session(engine)
  const image = { shape: [1, 8, 8], data: new Uint8Array(fs.readFileSync(0)) }
  if (['into', 'small', 'overlap'].includes(name)) return into(session, image)
  if (name === 'closed') {
    session.close()
    return session.run({ image })
  }
  if (name in WRONG) return WRONG[name](bundle, session, image)
  if (name === 'no-bytes') ferry.openMemory(null)
  if (name === 'absent') return bundle.verify({ engine: absent })
  return batched(bundle, image)
}

misuse().then(
  (outputs) => Object.values(outputs).forEach(({ data }) => fs.writeSync(1, Buffer.from(data.buffer, data.byteOffset, data.byteLength))),
  (error) => {
    console.error(`error: ${error.message}`)
    process.exitCode = error.code ?? 9
  }
)
