// One CV32E40X (RV32IMAC) with the two ports that we use; debug, coprocessor interface and fast interrupts are tied off.

// What a core retires in a cycle. The markers are `slti x0, x0, 1` to `4`: hints, which the firmware's platform/riscv.rs
// emits and no compiler does.
package retired;
  localparam logic [2:0] NOTHING = 0, START = 1, STOP = 2, IDLE = 3, BUSY = 4, OTHER = 5;
endpackage

module core
  import cv32e40x_pkg::*;
#(
    parameter int HART = 0
) (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [31:0] boot,

    output logic        fetch_req,
    input  logic        fetch_gnt,
    input  logic        fetch_rvalid,
    output logic [31:0] fetch_addr,
    input  logic [31:0] fetch_rdata,
    input  logic        fetch_err,

    output logic        data_req,
    input  logic        data_gnt,
    input  logic        data_rvalid,
    output logic        data_we,
    output logic [31:0] data_addr,
    output logic [3:0]  data_be,
    output logic [31:0] data_wdata,
    output logic [5:0]  data_atop,
    input  logic [31:0] data_rdata,

    input  logic        msip,

    // One of package `retired`.
    output logic [2:0]  retires,
    // The core's clock stands still in WFI.
    output logic        sleeps
);

  if_xif xif ();

  cv32e40x_core #(
      .A_EXT(1)
  ) cpu (
      .clk_i(clk),
      .rst_ni(rst_n),
      .scan_cg_en_i(1'b0),
      .boot_addr_i(boot),
      .dm_exception_addr_i('0),
      .dm_halt_addr_i('0),
      .mhartid_i(HART),
      .mimpid_patch_i('0),
      .mtvec_addr_i('0),

      .instr_req_o(fetch_req),
      .instr_gnt_i(fetch_gnt),
      .instr_rvalid_i(fetch_rvalid),
      .instr_addr_o(fetch_addr),
      .instr_memtype_o(),
      .instr_prot_o(),
      .instr_dbg_o(),
      .instr_rdata_i(fetch_rdata),
      .instr_err_i(fetch_err),

      .data_req_o(data_req),
      .data_gnt_i(data_gnt),
      .data_rvalid_i(data_rvalid),
      .data_addr_o(data_addr),
      .data_be_o(data_be),
      .data_we_o(data_we),
      .data_wdata_o(data_wdata),
      .data_memtype_o(),
      .data_prot_o(),
      .data_dbg_o(),
      .data_atop_o(data_atop),
      .data_rdata_i(data_rdata),
      .data_err_i(1'b0),
      // This version takes the result of sc.w from rdata.
      .data_exokay_i(1'b1),

      .mcycle_o(),

      .xif_compressed_if(xif),
      .xif_issue_if(xif),
      .xif_commit_if(xif),
      .xif_mem_if(xif),
      .xif_mem_result_if(xif),
      .xif_result_if(xif),

      .irq_i({28'b0, msip, 3'b0}),
      .wu_wfe_i(1'b0),
      .clic_irq_i(1'b0),
      .clic_irq_id_i('0),
      .clic_irq_level_i('0),
      .clic_irq_priv_i('0),
      .clic_irq_shv_i(1'b0),

      // There is no cache to flush.
      .fencei_flush_req_o(),
      .fencei_flush_ack_i(1'b1),

      .debug_req_i(1'b0),
      .debug_havereset_o(),
      .debug_running_o(),
      .debug_halted_o(),

      .fetch_enable_i(1'b1),
      .core_sleep_o(sleeps)
  );

  // The instruction in the write-back stage, and the event by which the core itself counts it in minstret.
  logic [31:0] code;
  assign code = cpu.ex_wb_pipe.instr.bus_resp.rdata;

  always_comb begin
    if (!cpu.ctrl_fsm.mhpmevent.minstret) retires = retired::NOTHING;
    else if (code[31:23] == '0 && code[22:20] inside {[1:4]} && code[19:0] == 20'h0_2013) retires = code[22:20];
    else retires = retired::OTHER;
  end

endmodule
