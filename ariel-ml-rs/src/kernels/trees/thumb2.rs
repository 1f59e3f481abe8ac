//! The loops over features and nodes in Thumb-2: 12 instructions a feature, 10 a node, 15 a tree; where keys are ranks, 31 a feature and 4
//! for each halving of its cuts, 10 a node, 10 a tree.

use core::arch::naked_asm;

/// What [`keys`] works on.
#[repr(C)]
pub(super) struct Keys {
    /// The feature of each slot.
    pub slots: *const u16,
    /// Behind the last slot whose keys put what is no number above all numbers.
    pub high: *const u16,
    /// Behind the last slot.
    pub end: *const u16,
    /// Bits of the features of a row.
    pub input: *const i32,
    /// Keys of the row.
    pub output: *mut i32,
    /// Bytes from a key to the one that is turned over.
    pub half: usize,
}

/// Writes the keys of a row: `bits ^ (bits >> 31) >>> 1`, what is no number clamped to one side, and the same turned over.
///
/// Registers: r0 slot, r1 and r2 ends, r3 input, r4 output, r5 half, r6 the infinity, r7 key, r8 sign.
///
/// # Safety
/// The slots are features of the row, and there are two keys for each.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn keys(work: &Keys) {
    naked_asm!(
        "push {{r4-r8, lr}}",
        "ldm r0, {{r0-r5}}",
        "movw r6, #0xffff",
        "movt r6, #0x807f",
        "b 3f",
        "2:",
        "ldrh r7, [r0], #2",
        "ldr r7, [r3, r7, lsl #2]",
        "asr r8, r7, #31",
        "eor r7, r7, r8, lsr #1",
        "cmp r7, r6",
        "it lt",
        "mvnlt r7, #0x80000000",
        "mvn r8, r7",
        "str r8, [r4, r5]",
        "str r7, [r4], #4",
        "3:",
        "cmp r0, r1",
        "bne 2b",
        "mov r6, #0x7f800000",
        "b 5f",
        "4:",
        "ldrh r7, [r0], #2",
        "ldr r7, [r3, r7, lsl #2]",
        "asr r8, r7, #31",
        "eor r7, r7, r8, lsr #1",
        "cmp r7, r6",
        "it gt",
        "movgt r7, #0x80000000",
        "mvn r8, r7",
        "str r8, [r4, r5]",
        "str r7, [r4], #4",
        "5:",
        "cmp r0, r2",
        "bne 4b",
        "pop {{r4-r8, pc}}",
    )
}

/// What [`leaves`] works on.
#[repr(C)]
pub(super) struct Leaves {
    /// The roots of the trees.
    pub roots: *const u16,
    /// Keys of a row.
    pub keys: *const i32,
    /// The first node.
    pub nodes: *const i32,
    /// Numbers of leaves.
    pub output: *mut i32,
    /// Behind the last root.
    pub end: *const u16,
    /// Bits of the number of a left leaf in a place.
    pub left: u32,
    /// What is added to the place for a right leaf, where both sides are leaves.
    pub added: u32,
    /// By how much it is shifted then.
    pub shift: u32,
}

/// Walks trees: both sides of a step are known before one is selected, and so are both ends of a walk.
///
/// Registers: r0 root, r1 keys, r2 nodes, r3 output, r4 node, r5 threshold, r6 word, r7 key, r8 place, r9 left, r10 added, r11 shift,
/// r12 end.
///
/// # Safety
/// The nodes passed `trees::Leaves::check`, there is at least one root, and a number for each.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn leaves(work: &Leaves) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldr r12, [r0, #16]",
        "ldrd r9, r10, [r0, #20]",
        "ldr r11, [r0, #28]",
        "ldm r0, {{r0-r3}}",
        "2:",
        "ldrh r4, [r0], #2",
        "add r4, r2, r4, lsl #3",
        "3:",
        "ldrd r5, r6, [r4], #8",
        "ubfx r7, r6, #0, #12",
        "ubfx r8, r6, #12, #18",
        "ldr r7, [r1, r7, lsl #2]",
        "cmp r7, r5",
        "itt gt",
        "addgt r4, r2, r8, lsl #3",
        // The flag of the right side becomes the sign, the other one bit 0.
        "rorgt r6, r6, #31",
        "cmp r6, #0",
        "bpl 3b",
        "cmp r7, r5",
        // 0: the right leaf alone, 1: the right one of two, 2: the left one.
        "ite gt",
        "andgt r6, r6, #1",
        "movle r6, #2",
        "cmp r6, #1",
        "itt eq",
        "addeq r8, r8, r10",
        "lsreq r8, r8, r11",
        "it hi",
        "andhi r8, r8, r9",
        "str r8, [r3], #4",
        "cmp r0, r12",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}

/// What [`ranks`] works on; the slots, and all that goes along with them, are those that are left.
#[repr(C)]
pub(super) struct Ranks {
    /// The feature of each slot.
    pub slots: *const u16,
    /// Behind the last slot.
    pub end: *const u16,
    /// Cuts of each slot.
    pub counts: *const u8,
    /// Bits of the features of a row.
    pub input: *const i32,
    /// Keys of the row.
    pub output: *mut u32,
    /// Bytes from a key to the one that is turned over.
    pub half: usize,
    /// A word before the cuts of the slot.
    pub cuts: *const i32,
    /// What is no number counts as this.
    pub none: i32,
}

/// Writes keys of a row: how many cuts are less than `bits ^ (bits >> 31) >>> 1`, in the upper 7 bits, and 127 less that.
///
/// The greatest power of two up to one more than the cuts covers the ranks twice, from the first and from the last one; one comparison
/// tells which, and halving it finds the rank: code for each power of two, into which it jumps.
///
/// Registers: r0 slot, r1 end, r2 count, r3 input, r4 output, r5 half, r6 cuts, r7 none, r8 number, r9 cuts of the slot, r10 place,
/// r11 halvings, r12 cut, lr the highest bit.
///
/// # Safety
/// The slots are features of the row, they have 127 cuts at most, which stand one behind the other, and there are two keys for each.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn ranks(work: &mut Ranks) {
    naked_asm!(
        "push {{r0, r4-r11, lr}}",
        "ldm r0, {{r0-r7}}",
        "mov lr, #0x80000000",
        "b 3f",
        "2:",
        "ldrh r8, [r0], #2",
        "ldrb r9, [r2], #1",
        "ldr r8, [r3, r8, lsl #2]",
        "lsl r10, r8, #1",
        "cmp r10, #0xff000000",
        "asr r10, r8, #31",
        "ite hi",
        "movhi r8, r7",
        "eorls r8, r8, r10, lsr #1",
        // Ranks are one more than cuts; those from the last power of two on begin so much later.
        "add r10, r9, #1",
        "clz r11, r10",
        "lsr r12, lr, r11",
        "sub r10, r10, r12",
        "ldr r12, [r6, r10, lsl #2]",
        "cmp r8, r12",
        "ite gt",
        "addgt r10, r6, r10, lsl #2",
        "movle r10, r6",
        // 12 bytes for each halving that is left out of seven.
        "sub r11, r11, #24",
        "add r11, r11, r11, lsl #1",
        "lsl r11, r11, #2",
        "add pc, r11",
        "nop",
        "ldr.w r12, [r10, #256]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #256",
        "ldr.w r12, [r10, #128]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #128",
        "ldr.w r12, [r10, #64]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #64",
        "ldr.w r12, [r10, #32]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #32",
        "ldr.w r12, [r10, #16]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #16",
        "ldr.w r12, [r10, #8]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #8",
        "ldr.w r12, [r10, #4]",
        "cmp r8, r12",
        "it gt",
        "addgt.w r10, r10, #4",
        "sub r10, r10, r6",
        "lsl r10, r10, #23",
        "rsb r12, r10, #0xfe000000",
        "str r12, [r4, r5]",
        "str r10, [r4], #4",
        "add r6, r6, r9, lsl #2",
        "3:",
        "cmp r0, r1",
        "bne 2b",
        "pop {{r1}}",
        "str r0, [r1]",
        "str r2, [r1, #8]",
        "str r4, [r1, #16]",
        "str r6, [r1, #24]",
        "pop {{r4-r11, pc}}",
    )
}

/// Walks trees of nodes of one word, whose upper bits compare with a key as they are.
///
/// Registers: as in [`leaves`], without a threshold.
///
/// # Safety
/// The nodes passed `trees::ShortLeaves::check`, there is at least one root, and a number for each.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn short_leaves(work: &Leaves) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldr r12, [r0, #16]",
        "ldrd r9, r10, [r0, #20]",
        "ldr r11, [r0, #28]",
        "ldm r0, {{r0-r3}}",
        "2:",
        "ldrh r4, [r0], #2",
        "add r4, r2, r4, lsl #2",
        "3:",
        "ldr r6, [r4], #4",
        "ubfx r7, r6, #2, #8",
        "ubfx r8, r6, #10, #15",
        "ldr r7, [r1, r7, lsl #2]",
        "cmp r7, r6",
        "itt hi",
        "addhi r4, r2, r8, lsl #2",
        "lsrhi r6, r6, #1",
        "lsls r5, r6, #31",
        "beq 3b",
        // A word that was shifted is less than before.
        "cmp r7, r6",
        "itte hi",
        "addhi r8, r8, r10",
        "lsrhi r8, r8, r11",
        "andls r8, r8, r9",
        "str r8, [r3], #4",
        "cmp r0, r12",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
