//! Chips of which some cores have the DSP extension and others do not: each worker runs what its core can.

super::aliases!(Unequal, Unequal16);
