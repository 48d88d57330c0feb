//! Finds libferry: in FERRY_LIB_DIR, else where `torchferry-config --libdir` says, else where the linker looks.
//!
//! A run path is not handed on to programs that depend on this crate. Their build.rs sets one by what this one tells them:
//! `println!("cargo:rustc-link-arg=-Wl,-rpath,{}", std::env::var("DEP_FERRY_LIB_DIR").unwrap());`

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
        println!("cargo:lib_dir={folder}");
    }
    println!("cargo:rustc-link-lib=dylib=ferry");
}
