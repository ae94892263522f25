package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Imported models compute what the reference computes, and go back as they came. */
class GoldenTest {
  private static final double LOGITS = 1e-4;
  private static final double LOSS = 1e-5;
  private static final double GRADIENT = 1e-3;

  @TempDir Path folder;

  static List<String> families() {
    return List.of(
        "llama", "mixtral", "mamba", "mamba2", "jamba", "bamba", "falcon_h1", "granitemoehybrid");
  }

  @ParameterizedTest
  @MethodSource("families")
  void computesTheSame(String family) throws IOException {
    Golden golden = Golden.of(family);
    try (PointerScope scope = new PointerScope();
        Model model = golden.load(folder, ScalarType.Float);
        SafetensorsFile io = golden.io();
        ForwardContext forward = ForwardContext.training()) {
      Tensor tokens = io.read("input_ids");
      Tensor logits = model.logits(model.hidden(tokens, forward));
      assertTrue(
          logits.allclose(io.read("logits"), 0, LOGITS, false),
          () -> "logits differ by " + distance(logits, io, "logits"));
      Tensor loss = nextTokenLoss(logits, tokens);
      assertEquals(io.read("loss").item_double(), loss.item_double(), LOSS);
      assertThat(forward.losses()).as("an auxiliary loss: " + forward.losses().keySet()).isEmpty();
      loss.backward();
      compareGradients(model, golden.published(), io);
    }
  }

  /** Of every parameter, in the largest difference against the largest gradient. */
  private static void compareGradients(Model model, PublishedModel published, SafetensorsFile io)
      throws IOException {
    Map<String, Tensor> theirs = new HashMap<>();
    for (TensorInfo info : io.tensors()) {
      if (info.name().startsWith("grad.")) {
        theirs.put(info.name().substring("grad.".length()), io.read(info.name()));
      }
    }
    Map<String, Tensor> ours = new HashMap<>();
    for (Parameter parameter : model.parameters().all()) {
      ours.put(parameter.name(), parameter.working().grad());
    }
    Set<String> compared = new HashSet<>();
    for (Mapping mapping : published.mappings()) {
      Tensor expected =
          joined(mapping.from().stream().map(cut -> cut.name()).toList(), theirs, compared);
      Tensor actual =
          joined(mapping.to().stream().map(cut -> cut.name()).toList(), ours, new HashSet<>());
      double scale = expected.abs().max().item_double();
      double worst = actual.sub(expected).abs().max().item_double();
      assertTrue(
          worst <= GRADIENT * scale + 1e-9,
          () -> "gradient of %s differs by %g of %g".formatted(mapping.to(), worst, scale));
    }
    assertEquals(theirs.keySet(), compared);
  }

  /** The elements of several gradients. In memory the reference keeps experts together. */
  private static Tensor joined(List<String> names, Map<String, Tensor> from, Set<String> used) {
    List<Tensor> parts = new ArrayList<>();
    for (String name : names) {
      String known = inMemory(name);
      String found = from.containsKey(known) ? known : name;
      Tensor tensor = from.get(found);
      assertTrue(tensor != null, "no gradient of " + found + " among " + from.keySet());
      if (used.add(found)) {
        parts.add(tensor.reshape(-1));
      }
    }
    return Tensors.cat(0, parts.toArray(Tensor[]::new));
  }

  private static String inMemory(String name) {
    return name.replaceFirst("block_sparse_moe\\.gate", "mlp.gate")
        .replaceFirst(
            "block_sparse_moe\\.experts\\.\\d+\\.w[13]\\.weight", "mlp.experts.gate_up_proj")
        .replaceFirst("block_sparse_moe\\.experts\\.\\d+\\.w2\\.weight", "mlp.experts.down_proj")
        .replaceFirst("experts\\.\\d+\\.(gate|up)_proj\\.weight", "experts.gate_up_proj")
        .replaceFirst("experts\\.\\d+\\.down_proj\\.weight", "experts.down_proj")
        .replaceFirst(
            "block_sparse_moe\\.input_linear\\.weight", "block_sparse_moe.experts.gate_up_proj")
        .replaceFirst(
            "block_sparse_moe\\.output_linear\\.weight", "block_sparse_moe.experts.down_proj")
        .replaceFirst("router\\.layer\\.weight", "router.weight");
  }

  private static Tensor nextTokenLoss(Tensor logits, Tensor tokens) {
    long time = tokens.size(1);
    Tensor predictions = Tensors.slice(logits, 1, 0, time - 1).reshape(-1, logits.size(2));
    return torch.cross_entropy_loss(predictions, Tensors.slice(tokens, 1, 1, time).reshape(-1));
  }

  private static String distance(Tensor logits, SafetensorsFile io, String name) {
    try {
      return String.valueOf(logits.sub(io.read(name)).abs().max().item_double());
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** The prompt at once, then token by token. */
  @ParameterizedTest
  @MethodSource("families")
  void continuesTheSame(String family) throws IOException {
    Golden golden = Golden.of(family);
    List<Integer> expected = golden.generated("greedy");
    List<Integer> tokens = new ArrayList<>(golden.generated("prompt"));
    try (Model model = golden.load(folder, ScalarType.Float);
        ModelState state = new ModelState();
        Grad off = Grad.off()) {
      List<Integer> next = List.copyOf(tokens);
      while (tokens.size() < expected.size()) {
        try (PointerScope scope = new PointerScope();
            ForwardContext forward = ForwardContext.evaluation().with(state)) {
          long[] ids = next.stream().mapToLong(Integer::longValue).toArray();
          Tensor input = Tensor.create(ids).unsqueeze(0);
          if (family.equals("bamba") && state.position() == 0) {
            forward.padded(input.eq(new Scalar(0))); // its prompt has a padding token in it
          }
          Tensor hidden = model.hidden(input, forward);
          Tensor last = Tensors.slice(hidden, 1, ids.length - 1, ids.length);
          int best = (int) model.logits(last).argmax().item_long();
          tokens.add(best);
          next = List.of(best);
        }
      }
    }
    assertEquals(expected, tokens);
  }

  @ParameterizedTest
  @MethodSource("families")
  void goesBackByteByByte(String family) throws IOException {
    Golden golden = Golden.of(family);
    Path ours = folder.resolve("ours");
    Path theirs = folder.resolve("theirs");
    List<String> warnings =
        HuggingFace.importModel(golden.folder(), ours, Golden.COMPONENTS, Progress.NONE);
    assertEquals(List.of(), warnings);
    HuggingFace.exportModel(
        ours, Optional.empty(), Optional.empty(), theirs, Golden.COMPONENTS, Progress.NONE);
    for (String file : List.of(Shards.FILE, "config.json")) {
      assertArrayEquals(
          Files.readAllBytes(golden.folder().resolve(file)),
          Files.readAllBytes(theirs.resolve(file)),
          file);
    }
  }
}
