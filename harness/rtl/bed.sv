// The test bed: HARTS cores in step with one clock, their memory, and counters that the C++ side reads.
//
//   core.sv    one CV32E40X with what we do not use tied off, and a tap where instructions retire
//   memory.sv  banks of single-cycle SRAM behind a round-robin arbiter, atomics, the CLINT, the port to the host
//
// SHARED = 0: each core fetches instructions through a port of its own that never waits; the cores share the banks for data.
// SHARED = 1: instructions and data of all cores share the banks.

module bed #(
    parameter int HARTS = 1,
    parameter bit SHARED = 0
) (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [31:0] boot,

    // The markers START and STOP have retired in the cycle before (a bit per hart).
    output logic [HARTS-1:0] start,
    output logic [HARTS-1:0] stop,
    // Instructions retired, and those of them between the markers IDLE and BUSY.
    output logic [63:0] executed[HARTS],
    output logic [63:0] idle[HARTS],
    // Cycles not asleep in WFI; cycles in which a request for an instruction or for data waited for its bank.
    output logic [63:0] awake[HARTS],
    output logic [63:0] fetch_waits[HARTS],
    output logic [63:0] data_waits[HARTS],

    // A hart has written its two words to the host port; the host puts the answer there before the hart can read it.
    output logic        ring,
    output logic [31:0] caller,
    output logic [31:0] operation,
    output logic [31:0] argument,
    input  logic [31:0] answer[HARTS],

    // The test device of QEMU's `virt` was written, or `caller` went where there is nothing: either ends the run.
    output logic        finished,
    output logic        stray,
    output logic [31:0] word
);

  logic [HARTS-1:0] fetch_req, fetch_gnt, fetch_rvalid, fetch_err;
  logic [HARTS-1:0] data_req, data_gnt, data_rvalid, data_we;
  logic [31:0] fetch_addr[HARTS], fetch_rdata[HARTS];
  logic [31:0] data_addr[HARTS], data_wdata[HARTS], data_rdata[HARTS];
  logic [3:0] data_be[HARTS];
  logic [5:0] data_atop[HARTS];
  logic [HARTS-1:0] msip, sleeps;
  logic [2:0] retires[HARTS];

  for (genvar h = 0; h < HARTS; h++) begin : gen_core
    core #(
        .HART(h)
    ) core_i (
        .clk, .rst_n, .boot,
        .fetch_req(fetch_req[h]), .fetch_gnt(fetch_gnt[h]), .fetch_rvalid(fetch_rvalid[h]),
        .fetch_addr(fetch_addr[h]), .fetch_rdata(fetch_rdata[h]), .fetch_err(fetch_err[h]),
        .data_req(data_req[h]), .data_gnt(data_gnt[h]), .data_rvalid(data_rvalid[h]), .data_we(data_we[h]),
        .data_addr(data_addr[h]), .data_be(data_be[h]), .data_wdata(data_wdata[h]), .data_atop(data_atop[h]),
        .data_rdata(data_rdata[h]),
        .msip(msip[h]),
        .retires(retires[h]), .sleeps(sleeps[h])
    );
  end

  memory #(
      .HARTS(HARTS),
      .SHARED(SHARED)
  ) memory_i (.*);

  for (genvar h = 0; h < HARTS; h++) begin : gen_counters
    logic waits;

    always_ff @(posedge clk) begin
      start[h] <= retires[h] == retired::START;
      stop[h]  <= retires[h] == retired::STOP;
      if (!rst_n) begin
        waits          <= 1'b0;
        executed[h]    <= '0;
        idle[h]        <= '0;
        awake[h]       <= '0;
        fetch_waits[h] <= '0;
        data_waits[h]  <= '0;
      end else begin
        if (retires[h] == retired::IDLE) waits <= 1'b1;
        if (retires[h] == retired::BUSY) waits <= 1'b0;
        executed[h]    <= executed[h] + 64'(retires[h] != retired::NOTHING);
        idle[h]        <= idle[h] + 64'(waits && retires[h] == retired::OTHER);
        awake[h]       <= awake[h] + 64'(!sleeps[h]);
        fetch_waits[h] <= fetch_waits[h] + 64'(fetch_req[h] && !fetch_gnt[h]);
        data_waits[h]  <= data_waits[h] + 64'(data_req[h] && !data_gnt[h]);
      end
    end
  end

endmodule
