//! The plugin's arguments: `out=FILE`; `timing=cortex-m4` for the estimated time of that core, `timing=blocks` for what others estimate it from; on several cores `cores=N`,
//! `starters=N`, `quantum=N` and `bell=ADDRESS:CORE`; `timeline=ADDRESS:BYTES` for memory whose stores are told.

use crate::core_clock::CORES;

/// What the arguments say.
pub struct Options {
    /// The file that the counts go to.
    pub out: String,
    /// Whether to estimate clock cycles as the Cortex-M4 takes them, on one core.
    pub timed: bool,
    /// Whether to tell which blocks were executed, on one core.
    pub blocks: bool,
    /// Cores of the machine.
    pub cores: usize,
    /// The cores below this one run from reset on; the others are started by one that runs.
    pub starters: usize,
    /// How many instructions a core may be ahead of the others.
    pub quantum: u64,
    /// The doorbells: a store to this address wakes this core.
    pub bells: Vec<(u64, usize)>,
    /// Address and size of memory: a store into it tells which tile begins or ends.
    pub timeline: (u64, u64),
}

impl Options {
    /// Reads the arguments; says what is wrong with them.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            out: String::new(),
            timed: false,
            blocks: false,
            cores: 1,
            starters: 1,
            quantum: 0,
            bells: Vec::new(),
            timeline: (0, 0),
        };
        for argument in arguments {
            options.take(&argument).ok_or_else(|| format!("argument `{argument}` is not understood"))?;
        }
        let Self { out, cores, starters, bells, .. } = &options;
        if out.is_empty() {
            return Err("say where to write with out=FILE".into());
        }
        let right = (1..=CORES).contains(cores) && (1..=*cores).contains(starters);
        if !right || bells.iter().any(|(_, core)| core >= cores) {
            return Err(format!("there can be 1 to {CORES} cores; starters and the cores of bells are among them"));
        }
        Ok(options)
    }

    fn take(&mut self, argument: &str) -> Option<()> {
        let (name, value) = argument.split_once('=')?;
        match name {
            "out" => value.clone_into(&mut self.out),
            "timing" => (self.timed, self.blocks) = (value == "cortex-m4", value == "blocks"),
            "cores" => self.cores = value.parse().ok()?,
            "starters" => self.starters = value.parse().ok()?,
            "quantum" => self.quantum = value.parse().ok()?,
            "timeline" => {
                let (address, bytes) = value.split_once(':')?;
                self.timeline = (address.parse().ok()?, bytes.parse().ok()?);
            }
            "bell" => {
                let (address, core) = value.split_once(':')?;
                self.bells.push((address.parse().ok()?, core.parse().ok()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// How far behind the beginning of the timeline's memory `address` is.
    pub fn timeline_at(&self, address: u64) -> Option<u64> {
        let (from, bytes) = self.timeline;
        address.checked_sub(from).filter(|offset| *offset < bytes)
    }

    /// The core that a store to `address` wakes.
    pub fn bell_at(&self, address: u64) -> Option<usize> {
        self.bells.iter().find(|(bell, _)| *bell == address).map(|(_, core)| *core)
    }
}
