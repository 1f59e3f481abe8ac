// The classes of the npm package rp2040js 1.4.1 that ours build on. `ARIEL_RP2040JS` names its folder, since it is installed
// outside of ours; some of the classes are not among what the package exports.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

const home = process.env.ARIEL_RP2040JS;
if (!home) {
    throw new Error("ARIEL_RP2040JS does not name the folder of the package rp2040js");
}

const load = (file) => import(pathToFileURL(join(home, "dist", "esm", file)).href);

export const { RP2040 } = await load("rp2040.js");
export const { CortexM0Core } = await load("cortex-m0-core.js");
export const { RPSIO } = await load("sio.js");
export const { RPPPB } = await load("peripherals/ppb.js");
export const { BasePeripheral } = await load("peripherals/peripheral.js");
