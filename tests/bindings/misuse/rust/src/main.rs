//! `misuse CASE BUNDLE ENGINE ABSENT < IMAGE`: see tests/bindings/test_misuse.py. What Rust does not let anyone write, an overlap or a
//! session that was closed, is in the crate's own tests.

use std::io::{Read, Write};
use std::process::exit;
use std::time::Duration;

use ferry::{Batcher, BatcherOptions, Bundle, DType, Error, Input, Output, Result};

const MINUTE: Duration = Duration::from_secs(60);

fn into(bundle: &Bundle, engine: &str, image: &[Input], floats: usize, shift: usize) -> Result<Vec<u8>> {
    let (mut logits, mut memory, mut label) = ([0f32; 10], [0f32; 11], [0i64; 1]);
    let bytes = unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast::<u8>(), 44) };
    let session = bundle.session(engine, "cpu", 1)?;
    let mut outputs = [
        Output::new("logits", &[1, 10], &mut logits[..floats]),
        Output::from_bytes("probabilities", DType::Float32, &[1, 10], &mut bytes[shift..shift + 40]),
        Output::new("label", &[1], &mut label),
    ];
    session.run_into(image, &mut outputs)?;
    let mut all: Vec<u8> = logits.iter().chain(&memory[..10]).flat_map(|value| value.to_ne_bytes()).collect();
    all.extend(label[0].to_ne_bytes());
    Ok(all)
}

/// Holds a call until another one joins it, or a minute.
fn patient(bundle: &Bundle, engine: &str) -> Result<Batcher> {
    bundle.batcher(engine, "cpu", 1, &BatcherOptions { most: 2, wait: MINUTE, queue: 2, keep_bits: false })
}

fn batched(case: &str, bundle: &Bundle, engine: &str, image: &[Input]) -> Result<Vec<u8>> {
    let eager = BatcherOptions { most: 2, wait: Duration::from_millis(50), queue: 2, keep_bits: case == "kept" };
    let outputs = match case {
        "full" => {
            let (batcher, pair) = (patient(bundle, engine)?, [0u8; 128]);
            let _waits = batcher.submit(image, None)?;
            batcher.run(&[Input::new("image", &[2, 8, 8], &pair)], None)?
        }
        "cancelled" => {
            let batcher = patient(bundle, engine)?;
            let call = batcher.submit(image, None)?;
            call.cancel()?;
            call.get()?
        }
        "twice" => {
            let batcher = patient(bundle, engine)?;
            let call = batcher.submit(image, None)?;
            call.cancel()?;
            call.cancel()?;
            call.get()?
        }
        "late" => bundle.batcher(engine, "cpu", 1, &eager)?.run(image, Some(Duration::from_millis(1)))?,
        _ => bundle.batcher(engine, "cpu", 1, &eager)?.run(image, None)?,
    };
    Ok(outputs.iter().flat_map(|tensor| tensor.bytes.to_vec()).collect())
}

fn misuse(case: &str, bundle: &str, engine: &str, absent: &str) -> Result<Vec<u8>> {
    let (bundle, mut pixels) = (Bundle::open(bundle)?, [0u8; 64]);
    std::io::stdin().read_exact(&mut pixels).expect("an image");
    let image = [Input::new("image", &[1, 8, 8], &pixels)];
    match case {
        "into" => into(&bundle, engine, &image, 10, 0),
        "small" => into(&bundle, engine, &image, 9, 0),
        "misaligned" => into(&bundle, engine, &image, 10, 1),
        "absent" => bundle.verify(Some(absent), "cpu", 1, 1).map(|report| report.json.into_bytes()),
        _ => batched(case, &bundle, engine, &image),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match misuse(&words[1], &words[2], &words[3], &words[4]) {
        Ok(bytes) => std::io::stdout().write_all(&bytes).expect("a stdout"),
        Err(Error { code, message }) => {
            eprintln!("error: {message}");
            exit(code as i32);
        }
    }
}
