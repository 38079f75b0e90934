//! The entities say what the migrations made.
