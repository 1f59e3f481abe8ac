// Memory and devices at the addresses of QEMU's `virt` machine.
//
//   0x8000_0000  32 MB of SRAM: four banks, the word at address a lies in bank a[3:2]
//   0x9000_0000  4 MB of memory that is read only and slow, as a serial flash is: WAITS cycles more for each access
//   0x0300_0000  DMA: from, to, bytes; words are copied from the write of the bytes on, which then read as those that are left
//   0x0200_0000  CLINT: msip of each hart, mtime, which counts clock cycles
//   0x0010_0000  test device: a write ends the run
//   0xffff_fff0  host port: operation, parameter (rings), answer
//
// A bank serves one access in a cycle and answers in the next. Where several ports ask for one bank, they take turns: the one
// that was served last comes last. An atomic is one access. Devices together are a fifth bank. The slow memory is a sixth, which
// is busy until it has answered; so is the port that waits for it. The DMA has a port of its own, which is served when no core
// wants the bank, and writes a word before it asks for the next.

module memory #(
    parameter int HARTS = 1,
    parameter bit SHARED = 0
) (
    input  logic             clk,
    input  logic             rst_n,

    input  logic [HARTS-1:0] fetch_req,
    output logic [HARTS-1:0] fetch_gnt,
    output logic [HARTS-1:0] fetch_rvalid,
    output logic [HARTS-1:0] fetch_err,
    input  logic [31:0]      fetch_addr[HARTS],
    output logic [31:0]      fetch_rdata[HARTS],

    input  logic [HARTS-1:0] data_req,
    output logic [HARTS-1:0] data_gnt,
    output logic [HARTS-1:0] data_rvalid,
    input  logic [HARTS-1:0] data_we,
    input  logic [31:0]      data_addr[HARTS],
    input  logic [3:0]       data_be[HARTS],
    input  logic [31:0]      data_wdata[HARTS],
    input  logic [5:0]       data_atop[HARTS],
    output logic [31:0]      data_rdata[HARTS],

    output logic [HARTS-1:0] msip,

    output logic             ring,
    output logic [31:0]      caller,
    output logic [31:0]      operation,
    output logic [31:0]      argument,
    input  logic [31:0]      answer[HARTS],

    output logic             finished,
    output logic             stray,
    output logic [31:0]      word
);

  localparam int WORDS = 8 * 1024 * 1024;
  localparam int SLOW_WORDS = 1024 * 1024;
  localparam int WAITS = 4;
  localparam int BANKS = 6;
  localparam int DEVICES = 4;
  localparam int SLOW = 5;
  // Ports of the arbiter: the data ports, the fetch ports where they share the banks, the DMA.
  localparam int DMA = SHARED ? 2 * HARTS : HARTS;
  localparam int PORTS = DMA + 1;
  localparam logic [4:0] LR = 5'b00010;
  localparam logic [4:0] SC = 5'b00011;

  logic [31:0] words[WORDS]  /* verilator public_flat_rw */;
  logic [31:0] slow_words[SLOW_WORDS]  /* verilator public_flat_rw */;

  function automatic logic in_sram(logic [31:0] addr);
    return addr[31:25] == 7'b1000_000;
  endfunction

  function automatic logic in_slow(logic [31:0] addr);
    return addr[31:22] == 10'b1001_0000_00;
  endfunction

  function automatic logic [22:0] index(logic [31:0] addr);
    return addr[24:2];
  endfunction

  function automatic logic [2:0] bank_of(logic [31:0] addr);
    if (in_sram(addr)) return {1'b0, addr[3:2]};
    return in_slow(addr) ? 3'(SLOW) : 3'(DEVICES);
  endfunction

  // ---- arbiter

  logic [PORTS-1:0] req, gnt;
  logic [2:0] bank[PORTS];
  logic [PORTS-1:0] grants[BANKS];
  // The ports behind the one that was served last.
  logic [PORTS-1:0] behind[BANKS];

  // The slow memory: cycles until it answers, whom, and what.
  logic [2:0] slow_left;
  logic [PORTS-1:0] slow_owner;
  logic [31:0] slow_word;
  logic slow_busy, slow_done;
  assign slow_busy = slow_left != 0;
  assign slow_done = slow_left == 1;

  // The DMA: what it does, and with what.
  enum logic [1:0] {IDLE, READ, TAKE, WRITE} dma;
  logic [31:0] dma_from, dma_to, dma_left, dma_word;
  assign req[DMA] = (dma == READ && !(slow_busy && in_slow(dma_from))) || dma == WRITE;
  assign bank[DMA] = bank_of(dma == WRITE ? dma_to : dma_from);

  for (genvar h = 0; h < HARTS; h++) begin : gen_ports
    assign req[h] = data_req[h] && !(slow_busy && (slow_owner[h] || in_slow(data_addr[h])));
    assign bank[h] = bank_of(data_addr[h]);
    assign data_gnt[h] = gnt[h];
    if (SHARED) begin : gen_shared
      assign req[HARTS+h] = fetch_req[h];
      // A fetch from nowhere needs a turn of some bank like any other, and is answered with an error.
      assign bank[HARTS+h] = {1'b0, fetch_addr[h][3:2]};
      assign fetch_gnt[h] = gnt[HARTS+h];
    end else begin : gen_private
      assign fetch_gnt[h] = fetch_req[h];
    end
  end

  always_comb begin
    gnt = '0;
    for (int b = 0; b < BANKS; b++) begin
      logic [PORTS-1:0] wants, first;
      for (int p = 0; p < PORTS; p++) wants[p] = req[p] && bank[p] == 3'(b);
      if (|wants[DMA-1:0]) wants[DMA] = 1'b0;
      first = |(wants & behind[b]) ? wants & behind[b] : wants;
      // The lowest bit that is set.
      grants[b] = first & (~first + 1'b1);
      gnt |= grants[b];
    end
  end

  always_ff @(posedge clk)
    for (int b = 0; b < BANKS; b++)
      if (!rst_n) behind[b] <= '0;
      else if (|grants[b]) behind[b] <= ~(grants[b] | (grants[b] - 1'b1));

  // ---- fetches

  always_ff @(posedge clk) begin
    fetch_rvalid <= rst_n ? fetch_gnt & fetch_req : '0;
    for (int h = 0; h < HARTS; h++) begin
      fetch_err[h]   <= !in_sram(fetch_addr[h]);
      fetch_rdata[h] <= words[index(fetch_addr[h])];
    end
  end

  // ---- data

  // Reservations of LR: they fall with any store to the word, whichever hart it comes from.
  logic [HARTS-1:0] reserved;
  logic [22:0] reservation[HARTS];

  function automatic logic [31:0] amo(logic [4:0] operator, logic [31:0] old, logic [31:0] operand);
    case (operator)
      5'b00000: return old + operand;
      5'b00001: return operand;
      5'b00100: return old ^ operand;
      5'b01000: return old | operand;
      5'b01100: return old & operand;
      5'b10000: return $signed(old) < $signed(operand) ? old : operand;
      5'b10100: return $signed(old) > $signed(operand) ? old : operand;
      5'b11000: return old < operand ? old : operand;
      5'b11100: return old > operand ? old : operand;
      default:  return old;
    endcase
  endfunction

  logic [63:0] mtime;
  logic [31:0] operations[HARTS];

  // One process touches the words, so that its assignments may take effect at once.
  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    data_rvalid <= '0;
    slow_left <= !rst_n || !slow_busy ? '0 : slow_left - 1;
    mtime <= rst_n ? mtime + 1 : '0;
    ring <= 1'b0;
    finished <= 1'b0;
    stray <= 1'b0;
    if (!rst_n) begin
      msip = '0;
      reserved = '0;
      dma <= IDLE;
      dma_left <= '0;
    end else begin
      for (int h = 0; h < HARTS; h++) begin
        if (data_gnt[h] && data_req[h]) begin
          data_rvalid[h] <= !in_slow(data_addr[h]);
          if (in_sram(data_addr[h])) sram(h);
          else if (in_slow(data_addr[h])) slow(h, data_addr[h], data_we[h]);
          else device(h);
        end
        if (slow_done && slow_owner[h]) begin
          data_rvalid[h] <= 1'b1;
          data_rdata[h]  <= slow_word;
        end
      end
      copy();
    end
  end

  // Port `p` has its turn of the slow memory.
  task automatic slow(int p, logic [31:0] addr, logic store);
    slow_left  <= 3'(WAITS);
    slow_owner <= PORTS'(1) << p;
    slow_word  <= slow_words[addr[21:2]];
    if (store) begin
      caller <= p;
      word   <= addr;
      stray  <= 1'b1;
    end
  endtask

  // A cycle of the DMA.
  task automatic copy();
    if (dma == READ && gnt[DMA]) begin
      if (in_slow(dma_from)) slow(DMA, dma_from, 1'b0);
      dma_word <= words[index(dma_from)];
      dma <= in_slow(dma_from) ? TAKE : WRITE;
    end
    if (dma == TAKE && slow_done && slow_owner[DMA]) begin
      dma_word <= slow_word;
      dma <= WRITE;
    end
    if (dma == WRITE && gnt[DMA]) begin
      for (int o = 0; o < HARTS; o++) if (reservation[o] == index(dma_to)) reserved[o] = 1'b0;
      words[index(dma_to)] = dma_word;
      dma_from <= dma_from + 4;
      dma_to   <= dma_to + 4;
      dma_left <= dma_left - 4;
      dma <= dma_left <= 4 ? IDLE : READ;
      if (dma_left <= 4) dma_left <= '0;
    end
    if (dma != IDLE && !((in_sram(dma_from) || in_slow(dma_from)) && in_sram(dma_to))) begin
      word  <= in_sram(dma_to) ? dma_from : dma_to;
      stray <= 1'b1;
      dma   <= IDLE;
    end
  endtask

  task automatic sram(int h);
    logic [22:0] at = index(data_addr[h]);
    logic [31:0] old = words[at];
    logic [4:0] operator = data_atop[h][4:0];
    logic store = data_we[h];
    data_rdata[h] <= old;
    if (data_atop[h][5] && operator == LR) begin
      reserved[h] = 1'b1;
      reservation[h] = at;
    end
    if (data_atop[h][5] && operator == SC) begin
      store = reserved[h] && reservation[h] == at;
      reserved[h] = 1'b0;
      data_rdata[h] <= {31'b0, !store};
    end
    if (store) begin
      for (int o = 0; o < HARTS; o++) if (reservation[o] == at) reserved[o] = 1'b0;
      if (data_atop[h][5] && operator != SC) words[at] = amo(operator, old, data_wdata[h]);
      else for (int i = 0; i < 4; i++) if (data_be[h][i]) words[at][8*i+:8] = data_wdata[h][8*i+:8];
    end
  endtask

  task automatic device(int h);
    logic [31:0] addr = data_addr[h];
    data_rdata[h] <= '0;
    word <= addr;
    if (addr[31:2] == 30'h3fff_fffc) begin
      operations[h] <= data_wdata[h];
    end else if (addr[31:2] == 30'h3fff_fffd) begin
      ring <= 1'b1;
      caller <= h;
      operation <= operations[h];
      argument <= data_wdata[h];
    end else if (addr[31:2] == 30'h3fff_fffe) begin
      data_rdata[h] <= answer[h];
    end else if (addr[31:2] == 30'h0004_0000 && data_we[h]) begin
      finished <= 1'b1;
      word <= data_wdata[h];
    end else if (addr[31:2] == 30'h0080_2ffe) begin
      data_rdata[h] <= mtime[31:0];
    end else if (addr[31:2] == 30'h0080_2fff) begin
      data_rdata[h] <= mtime[63:32];
    end else if (addr[31:4] == 28'h0300_000) begin
      data_rdata[h] <= dma_left;
      if (data_we[h])
        case (addr[3:2])
          0: dma_from <= data_wdata[h];
          1: dma_to <= data_wdata[h];
          default: begin
            dma_left <= data_wdata[h];
            dma <= data_wdata[h] == 0 ? IDLE : READ;
          end
        endcase
    end else if (addr >= 32'h0200_0000 && addr < 32'h0200_0000 + 4 * HARTS) begin
      for (int o = 0; o < HARTS; o++) begin
        if (addr[3:2] == 2'(o)) begin
          data_rdata[h] <= {31'b0, msip[o]};
          if (data_we[h]) msip[o] = data_wdata[h][0];
        end
      end
    end else begin
      caller <= h;
      stray <= 1'b1;
    end
  endtask
  /* verilator lint_on BLKSEQ */

endmodule
