//! `trial BUNDLE`: a user's program in Rust; see tests/package/test_wheel_languages.py.

use ferry::{Bundle, Input, Result};

fn trial(path: &str) -> Result<bool> {
    let mut bundle = Bundle::open(path)?;
    bundle.allow_native();
    let session = bundle.session("c", "cpu", 1)?;
    let outputs = session.run(&[Input::new("measurements", &[1, 2], &[5.1f32, 1.8])])?;
    println!("{}", outputs.find("net_input")?.values::<f32>()?[0]);
    Ok(bundle.verify(Some("c"), "cpu", 1, 1)?.passed)
}

fn main() {
    match trial(&std::env::args().nth(1).expect("a bundle")) {
        Ok(same) => println!("{}", if same { "same" } else { "other" }),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(error.code as i32);
        }
    }
}
