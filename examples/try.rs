fn main() {
    let mut o = wharf::config::LoadOptions::from_process();
    o.file = std::env::args().nth(1).map(Into::into);
    match wharf::config::load(&o) {
        Ok(s) => println!("{s:#?}"),
        Err(e) => println!("{e}"),
    }
}
