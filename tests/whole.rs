//! The end-to-end tests: the command as its users run it, a file for each thing that it does.

mod common;

mod bad_input;
mod chaos;
mod checked;
mod constants;
mod databases;
mod discards;
mod faults;
mod grains;
mod interrupted;
mod journey;
mod killed;
mod multi_vm;
mod not_tested;
mod old_points;
mod one_disk;
mod own_disks;
mod plan;
mod rough_day;
mod tampered;
mod twice;
mod withheld;
mod without_end;
