package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Options that published models have beyond those of the golden ones. */
class VariantsTest {
  private static final double TOLERANCE = 1e-4;
  private static final int PADDING = 7;

  @TempDir Path folder;

  static List<String> variants() {
    return List.of(
        "llama-llama3",
        "llama-linear",
        "llama-yarn",
        "llama-gelu",
        "mixtral-window",
        "mamba-biased",
        "mamba2-groups",
        "jamba-periods",
        "bamba-indices",
        "falcon-before-gate",
        "falcon-after-gate",
        "granite-experts",
        "granite-dense");
  }

  /** As a whole, and token by token. */
  @ParameterizedTest
  @MethodSource("variants")
  void computesTheSame(String name) throws IOException {
    Golden golden = Golden.variant(name);
    try (PointerScope scope = new PointerScope();
        Model model = golden.load(folder, ScalarType.Float);
        SafetensorsFile io = golden.io();
        Grad off = Grad.off()) {
      Tensor tokens = io.read("input_ids");
      Tensor expected = io.read("logits");
      try (ForwardContext forward = ForwardContext.evaluation()) {
        close(expected, model.logits(model.hidden(tokens, forward)), "as a whole");
      }
      try (ModelState state = new ModelState()) {
        for (long t = 0; t < tokens.size(1); t++) {
          try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
            Tensor hidden = model.hidden(Tensors.slice(tokens, 1, t, t + 1), forward);
            close(Tensors.slice(expected, 1, t, t + 1), model.logits(hidden), "token " + t);
          }
        }
      }
    }
  }

  /**
   * A prompt with padding in it, where projections of mixers have a bias: that is what is left of
   * padding.
   */
  @ParameterizedTest
  @ValueSource(strings = {"mamba-biased", "jamba-periods", "bamba-indices", "falcon-after-gate"})
  void paddingIsLeftOut(String name) throws IOException {
    Golden golden = Golden.variant(name);
    try (PointerScope scope = new PointerScope();
        Model model = golden.load(folder, ScalarType.Float);
        SafetensorsFile io = golden.io();
        ModelState state = new ModelState();
        Grad off = Grad.off()) {
      Tensor tokens = io.read("padded.input_ids");
      Tensor padding = tokens.eq(new Scalar(PADDING));
      assertTrue(Tensors.any(padding), "no padding in the prompt");
      long prompt = tokens.size(1) - 4;
      Tensor expected = io.read("padded.logits");
      Tensor real = padding.logical_not().unsqueeze(-1);
      for (long from = 0; from < tokens.size(1); from = from == 0 ? prompt : from + 1) {
        long to = from == 0 ? prompt : from + 1;
        try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
          if (from == 0) {
            forward.padded(Tensors.slice(padding, 1, 0, prompt));
          }
          Tensor hidden = model.hidden(Tensors.slice(tokens, 1, from, to), forward);
          Tensor seen = Tensors.slice(real, 1, from, to);
          close(
              Tensors.slice(expected, 1, from, to).mul(seen),
              model.logits(hidden).mul(seen),
              "from token " + from);
        }
      }
    }
  }

  private static void close(Tensor expected, Tensor actual, String what) {
    double scale = Math.max(1, expected.abs().max().item_double());
    double worst = actual.sub(expected).abs().max().item_double();
    assertTrue(worst <= TOLERANCE * scale, what + " differs by " + worst);
  }

  /** Whatever files it came in, it goes back as one, in the order of the reference library. */
  @ParameterizedTest
  @MethodSource("variants")
  void goesBackByteByByte(String name) throws IOException {
    Golden golden = Golden.variant(name);
    Path ours = folder.resolve("ours");
    Path theirs = folder.resolve("theirs");
    assertEquals(
        List.of(),
        HuggingFace.importModel(golden.folder(), ours, Golden.COMPONENTS, Progress.NONE));
    HuggingFace.exportModel(
        ours, Optional.empty(), Optional.empty(), theirs, Golden.COMPONENTS, Progress.NONE);
    Map<String, String> expected = contents(golden.folder());
    assertEquals(expected, contents(theirs));
    try (SafetensorsFile file = SafetensorsFile.open(theirs.resolve(Shards.FILE))) {
      assertEquals(
          List.copyOf(expected.keySet()), file.tensors().stream().map(TensorInfo::name).toList());
      assertEquals(Map.of("format", "pt"), file.metadata());
    }
    assertArrayEquals(
        Files.readAllBytes(golden.folder().resolve("config.json")),
        Files.readAllBytes(theirs.resolve("config.json")));
  }

  private static Map<String, String> contents(Path folder) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Shards shards = Shards.open(folder)) {
      for (TensorInfo info : shards.tensors().values()) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        shards.copy(info.name(), 0, info.end() - info.begin(), Channels.newChannel(bytes));
        contents.put(
            info.name(),
            info.dtype()
                + " "
                + info.shape()
                + " "
                + java.util.HexFormat.of().formatHex(bytes.toByteArray()));
      }
    }
    return contents;
  }
}
