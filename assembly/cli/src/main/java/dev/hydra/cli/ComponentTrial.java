package dev.hydra.cli;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a component is tried with, and the CUDA programs that this must run.
 *
 * @param options its options, as HOCON without the type: sizes that kernels take, and options that
 *     make small inputs long, as within a window there is nothing for strided kernels
 * @param tokens how long its inputs are; packed documents have half as many at most
 * @param training programs that whole sequences run
 * @param decoding programs that single tokens of several texts run
 */
record ComponentTrial(String options, int tokens, List<String> training, List<String> decoding) {
  /** More than a chunk of the smallest ones, so that states are passed on. */
  private static final int TOKENS = 80;

  private static final List<String> DECODED_ATTENTION =
      List.of("decode_attention.cu", "rotary_angles.cu");

  private static final List<String> PKM_BY_SCORES = List.of("pkm_search.cu", "pkm_read.cu");

  private static final String STRIDED_SUMS = "strided_sums.cu";
  private static final String WINDOW = "window_attention.cu";
  private static final String WINDOW_BACKWARD = "window_attention_backward.cu";
  private static final String WALK = "ssd_walk.cu";
  private static final String CHUNK_PRODUCTS = "chunk_products.cu";

  /** Programs for devices of the Hopper generation only. */
  static final Set<String> HOPPER = Set.of(WINDOW, WINDOW_BACKWARD, CHUNK_PRODUCTS, WALK);

  /** By type. Those of others are tried with default options, whatever programs these run. */
  private static final Map<String, List<ComponentTrial>> KNOWN =
      Map.ofEntries(
          Map.entry(
              "mamba2",
              List.of(
                  new ComponentTrial(
                      "",
                      List.of(
                          "ssd_decay.cu",
                          "ssd_states.cu",
                          "ssd_output.cu",
                          "ssd_backward_x.cu",
                          "ssd_backward_projections.cu",
                          "ssd_backward_steps.cu"),
                      List.of("ssd_step.cu")),
                  // Enough heads for one pass over time to fill the device.
                  new ComponentTrial(
                      "head-dim = 16, state = 16, inner = 1536",
                      List.of("ssd_forward.cu"),
                      List.of()),
                  // Enough for a walk over time, of states that four warps multiply.
                  new ComponentTrial("inner = 5120", List.of(WALK), List.of()))),
          one(
              "mamba",
              "",
              List.of("scan_forward.cu", "scan_ends.cu", "scan_backward.cu"),
              List.of()),
          one(
              "gated-deltanet",
              "",
              Stream.of(
                      "decay",
                      "prepare",
                      "states",
                      "output",
                      "backward_output",
                      "backward_states",
                      "backward_values",
                      "backward_keys",
                      "backward_gates")
                  .map(part -> "delta_" + part + ".cu")
                  .toList(),
              List.of()),
          one(
              "full",
              "heads = 2, head-dim = 64",
              List.of("rotary_angles.cu", WINDOW, WINDOW_BACKWARD),
              DECODED_ATTENTION),
          Map.entry(
              "sparse-global",
              // A window that kernels take with documents, and documents that are longer.
              List.of(
                  new ComponentTrial(
                      "heads = 2, window = 64, global-every = 8, head-dim = 64",
                      240,
                      List.of(
                          "strided_attention.cu",
                          "strided_attention_backward.cu",
                          STRIDED_SUMS,
                          WINDOW,
                          WINDOW_BACKWARD),
                      DECODED_ATTENTION),
                  new ComponentTrial(
                      "heads = 2, window = 16, global-every = 4",
                      TOKENS,
                      List.of(
                          "pattern_attention.cu", "pattern_attention_backward.cu", STRIDED_SUMS),
                      DECODED_ATTENTION))),
          one(
              "sliding-window",
              "heads = 2, window = 16, head-dim = 64",
              List.of(WINDOW, WINDOW_BACKWARD),
              DECODED_ATTENTION),
          Map.entry(
              "moe",
              List.of(
                  new ComponentTrial("", List.of("expert_rows.cu"), List.of("expert_tokens.cu")),
                  // Whole chunks of as many tokens as are read together.
                  new ComponentTrial(
                      "router { type = chunk-topk, chunk = 64 }",
                      128,
                      List.of(CHUNK_PRODUCTS),
                      List.of()))),
          one("swiglu", "", List.of("gated_activation.cu"), List.of("few_gated_rows.cu")),
          one("topk", "", List.of("expert_choice.cu"), List.of("expert_choice.cu")),
          one("chunk-topk", "chunk = 16", List.of("chunk_logits.cu"), List.of("chunk_step.cu")),
          one(
              "workspace",
              "chunk = 32",
              List.of(
                  "slot_states.cu",
                  "slot_writes.cu",
                  "slot_writes_backward.cu",
                  "slot_writes_tiles.cu",
                  "slot_writes_tiles_backward.cu",
                  "slot_attention.cu"),
              List.of("slot_writes.cu", "slot_read.cu")),
          Map.entry(
              "pkm",
              List.of(
                  new ComponentTrial("keys = 32", PKM_BY_SCORES, PKM_BY_SCORES),
                  new ComponentTrial(
                      "keys = 256",
                      List.of("pkm_products.cu", "pkm_gradients.cu", "pkm_read.cu"),
                      PKM_BY_SCORES))));

  private ComponentTrial(String options, List<String> training, List<String> decoding) {
    this(options, TOKENS, training, decoding);
  }

  private static Map.Entry<String, List<ComponentTrial>> one(
      String type, String options, List<String> training, List<String> decoding) {
    return Map.entry(type, List.of(new ComponentTrial(options, training, decoding)));
  }

  /** What a type is tried with. */
  static List<ComponentTrial> of(String type) {
    return KNOWN.getOrDefault(type, List.of(new ComponentTrial("", List.of(), List.of())));
  }

  /** Names the types of which it is known which programs they must run. */
  static Set<String> types() {
    return KNOWN.keySet();
  }

  /** Names the programs that some component must run. */
  static Set<String> programs() {
    return KNOWN.values().stream()
        .flatMap(List::stream)
        .flatMap(each -> Stream.concat(each.training.stream(), each.decoding.stream()))
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
