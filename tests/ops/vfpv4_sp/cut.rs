
    /// A kernel whose every run is cut into tiles of unequal sizes, the last one first.
    struct Cut<K, const UNIT: u32>(K);

    macro_rules! cut {
        ($kernel:path) => {
            impl<const UNIT: u32> Cut<$kernel, UNIT> {
                const fn check(&self, arena_bytes: usize) {
                    self.0.check(arena_bytes);
                }

                const fn work(&self) -> ariel_ml_rs::plan::Work {
                    self.0.work()
                }

                unsafe fn run(&self, memory: ariel_ml_rs::memory::Memory<'_>, tile: ariel_ml_rs::tile::Tile) {
                    let (mut end, mut size) = (tile.end, 1);
                    while end > tile.start {
                        let start = (end.saturating_sub(size) / UNIT * UNIT).max(tile.start);
                        // SAFETY: as for the whole.
                        unsafe { self.0.run(memory, ariel_ml_rs::tile::Tile::new(start, end)) };
                        end = start;
                        size = size * 5 % 23;
                    }
                }
            }
        };
    }
