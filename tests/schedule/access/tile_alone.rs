
    /// One tile over memory of the test's own.
    ///
    /// # Safety
    /// `base` is such memory as this model's arena, and the tile is one of the step.
    pub unsafe fn tile_alone(base: core::ptr::NonNull<u8>, worker: u32, step: usize, start: u32, end: u32) {
        // SAFETY: as the caller promises.
        unsafe {
            let memory = ariel_ml_rs::memory::Memory::of_worker(base, worker);
            Model::tile(memory, step, ariel_ml_rs::tile::Tile::new(start, end));
        }
    }
