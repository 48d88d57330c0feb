//! Where the program finds libferry.

fn main() {
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", std::env::var("DEP_FERRY_LIB_DIR").unwrap());
}
