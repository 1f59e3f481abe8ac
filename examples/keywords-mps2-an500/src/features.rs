//! What the network hears: sound as the energy in bands of frequencies. `train/train.py` computes the same in Python.

/// Samples in a frame: 32 ms at 8 kHz.
pub const FRAME: usize = 256;
/// Samples from one frame to the next: 20 ms.
pub const HOP: usize = 160;
/// Bands of a frame.
pub const BANDS: usize = EDGES.len() - 1;

/// Where bands begin and end, in bins of 31.25 Hz: from 94 to 3,813 Hz, as wide as the mel scale wants them.
const EDGES: [usize; 17] = [3, 5, 7, 10, 13, 16, 20, 25, 30, 36, 43, 51, 60, 71, 84, 101, 122];

/// Makes frames out of samples as they come.
pub struct Features {
    /// The samples of the next frame, from -1 to 1.
    sound: [f32; FRAME],
    /// How many of them are there.
    filled: usize,
    /// What fades each frame in and out: Hann's window.
    window: [f32; FRAME],
}

impl Features {
    pub fn new() -> Self {
        let turn = 2.0 * core::f32::consts::PI / FRAME as f32;
        let window = core::array::from_fn(|i| 0.5 - 0.5 * libm::cosf(turn * i as f32));
        Self { sound: [0.0; FRAME], filled: 0, window }
    }

    /// Takes one sample; every 20 ms it makes a frame complete, and that is returned.
    pub fn push(&mut self, sample: i16) -> Option<[f32; BANDS]> {
        self.sound[self.filled] = f32::from(sample) / 32768.0;
        self.filled += 1;
        if self.filled < FRAME {
            return None;
        }
        let frame = self.frame();
        // Frames overlap.
        self.sound.copy_within(HOP.., 0);
        self.filled = FRAME - HOP;
        Some(frame)
    }

    /// The scaled logarithm of the mean power in each band.
    fn frame(&self) -> [f32; BANDS] {
        let mut faded = core::array::from_fn(|i| self.sound[i] * self.window[i]);
        let spectrum = microfft::real::rfft_256(&mut faded);
        core::array::from_fn(|band| {
            let bins = &spectrum[EDGES[band]..EDGES[band + 1]];
            let power = bins.iter().map(|bin| bin.norm_sqr()).sum::<f32>() / bins.len() as f32;
            (libm::logf(power + 1e-6) + 6.5) / 3.5
        })
    }
}
