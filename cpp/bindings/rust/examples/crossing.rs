//! `crossing run BUNDLE ENGINE < INPUT > OUTPUTS`: raw bytes of the one input in, raw bytes of all outputs out, in order.
//! `crossing verify BUNDLE`: replays the goldens on every engine that can run here, and prints the report.

use std::io::{Read, Write};
use std::process::exit;

fn run(bundle: &ferry::Bundle, engine: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (mut bytes, spec) = (Vec::new(), bundle.inputs()?.remove(0));
    std::io::stdin().read_to_end(&mut bytes)?;
    let sample: i64 = spec.shape.iter().filter(|dim| **dim >= 0).product();
    let batch = bytes.len() as i64 / (sample * spec.dtype.size() as i64);
    let shape: Vec<i64> = spec.shape.iter().map(|dim| if *dim < 0 { batch } else { *dim }).collect();
    let input = ferry::Input::from_bytes(&spec.name, spec.dtype, &shape, &bytes);
    let outputs = bundle.session(engine, "cpu", 1)?.run(&[input])?;
    for tensor in outputs.iter() {
        std::io::stdout().write_all(tensor.bytes)?;
    }
    Ok(())
}

fn verify(bundle: &ferry::Bundle) -> Result<(), Box<dyn std::error::Error>> {
    let report = bundle.verify(None, "cpu", 1, 1)?;
    print!("{}", report.json);
    if !report.passed {
        eprintln!("error: {}", report.problem);
        exit(1);
    }
    Ok(())
}

fn crossing(arguments: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    match arguments {
        ["run", bundle, engine] => run(&ferry::Bundle::open(bundle)?, engine),
        ["verify", bundle] => verify(&ferry::Bundle::open(bundle)?),
        _ => Err("usage: crossing run BUNDLE ENGINE | verify BUNDLE".into()),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = crossing(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        eprintln!("error: {error}");
        exit(error.downcast_ref::<ferry::Error>().map_or(2, |error| error.code as i32));
    }
}
