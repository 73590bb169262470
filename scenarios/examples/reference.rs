//! Prints the reference of the scenario file's keys, as it stands in `scenarios/README.md`.

fn main() {
    print!("{}", scenarios::keys::reference());
}
