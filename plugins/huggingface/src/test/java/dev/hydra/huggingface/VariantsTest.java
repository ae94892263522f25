package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.Forward;
import dev.hydra.composer.Model;
import dev.hydra.composer.ModelState;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Tensors;
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
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Options that published models have beyond those of the golden ones. */
class VariantsTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir Path folder;

  static List<String> variants() {
    return List.of(
        "llama-llama3",
        "llama-linear",
        "llama-yarn",
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
      try (Forward forward = Forward.evaluation()) {
        close(expected, model.logits(model.hidden(tokens, forward)), "as a whole");
      }
      try (ModelState state = new ModelState()) {
        for (long t = 0; t < tokens.size(1); t++) {
          try (Forward forward = Forward.evaluation().with(state)) {
            Tensor hidden = model.hidden(Tensors.slice(tokens, 1, t, t + 1), forward);
            close(Tensors.slice(expected, 1, t, t + 1), model.logits(hidden), "token " + t);
          }
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
    HuggingFace.exportModel(ours, Optional.empty(), theirs, Golden.COMPONENTS, Progress.NONE);
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
