//! The judge, held against runs of which it is known what is wrong with them, or that nothing is.

mod broken;
mod clean;
mod random;
mod rolled_back;
mod run;
