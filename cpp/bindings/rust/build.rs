//! Finds libferry: in FERRY_LIB_DIR, else where `torchferry-config --libdir` says, else where the linker looks.

use std::{env, process::Command};

fn installed() -> Option<String> {
    let done = Command::new("torchferry-config").arg("--libdir").output().ok()?;
    let folder = String::from_utf8(done.stdout).ok()?;
    done.status.success().then(|| folder.trim().to_owned())
}

fn main() {
    println!("cargo:rerun-if-env-changed=FERRY_LIB_DIR");
    if let Some(folder) = env::var("FERRY_LIB_DIR").ok().or_else(installed) {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!("cargo:rustc-link-lib=dylib=ferry");
}
