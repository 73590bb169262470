//! An estate to begin with.

use std::fmt::Write as _;

use super::csv::COLUMNS;

/// A CSV that explains its columns and has three machines: a directory server, a web server and a database. It plans as it is.
#[must_use]
pub fn template() -> String {
    let mut text = String::from("# The machines to protect, a row a disk. Lines that begin with # are not read.\n#\n");
    for column in COLUMNS {
        let optional = if column.required() { "" } else { " (optional)" };
        // Writing to a string does not fail.
        let _ = writeln!(text, "# {:<13}{}{optional}", column.name(), column.meaning());
    }
    text.push_str(
        "#
# Sizes have a unit (GiB, MiB, TiB; GB and TB are powers of 1000) or count in GiB. What holds for a machine need stand in its first row
# only. A name with a comma stands in double quotes. Separators may be semicolons, and decimals then commas.
",
    );
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name()).collect();
    text.push_str(&names.join(","));
    text.push_str(
        "
dc01,esx1,Windows Server 2016,2,8 GiB,1,efi,1,os,80 GiB,32 GiB,52 %,2 GiB
web01,esx1,CentOS 7,4,8 GiB,1,bios,3,os,40 GiB,12 GiB,48 %,1 GiB
web01,esx1,,,,,,,content,100 GiB,55 GiB,70 %,6 GiB
sql01,esx2,Windows Server 2016,8,64 GiB,2,bios,2,os,80 GiB,41 GiB,52 %,2 GiB
sql01,esx2,,,,,,,data,512 GiB,300 GiB,43 %,60 GiB
sql01,esx2,,,,,,,log,128 GiB,40 GiB,25 %,45 GiB
",
    );
    text
}
