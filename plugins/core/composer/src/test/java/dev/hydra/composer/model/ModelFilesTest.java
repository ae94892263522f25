package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(InScope.class)
class ModelFilesTest {
  @TempDir private Path folder;

  private static void assertSame(Map<String, double[]> expected, Model model) {
    Map<String, double[]> actual = Models.values(model);
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16", "Double"})
  void whatIsSavedIsLoaded(ScalarType type) throws IOException {
    Path file = folder.resolve("model.safetensors");
    try (Model saved = Models.build(Models.HYBRID, Devices.cpu(), type, 1);
        Model loaded = Models.build(Models.HYBRID, Devices.cpu(), type, 2)) {
      Tensor tokens = Models.tokens(1, 2, 3);
      double[] expected = Tensors.numbers(Models.hidden(saved, tokens));
      assertFalse(Arrays.equals(expected, Tensors.numbers(Models.hidden(loaded, tokens))));
      ModelFiles.save(saved, file);
      ModelFiles.load(loaded, file);
      assertSame(Models.values(saved), loaded);
      assertArrayEquals(expected, Tensors.numbers(Models.hidden(loaded, tokens)));
    }
  }

  @Test
  void listsWhatDoesNotFitAndChangesNothing() throws IOException {
    Path file = folder.resolve("other.safetensors");
    String other =
        """
        model {
          vocab-size = 12, width = 4, depth = 2, tie-embeddings = false
          block { topology = parallel, paths = [ { mixer = running-sum } ] }
        }
        """;
    try (Model saved = Models.build(other, Devices.cpu(), ScalarType.Float, 1);
        Model model = Models.build(Models.HYBRID, Devices.cpu(), ScalarType.Float, 2)) {
      ModelFiles.save(saved, file);
      Map<String, double[]> before = Models.values(model);
      IOException e = assertThrows(IOException.class, () -> ModelFiles.load(model, file));
      assertEquals(
          file
              + " does not fit the model; missing: [blocks.1.ffn-gate.weight,"
              + " blocks.1.ffn-gate.bias, blocks.1.ffn.router.weight, blocks.1.ffn.scale],"
              + " of another shape: [embedding.weight [12, 4] for [11, 4]],"
              + " not in the model: [head.weight]",
          e.getMessage());
      assertSame(before, model);
    }
  }

  @Test
  void damagedFilesChangeNothing() throws IOException {
    Path file = folder.resolve("model.safetensors");
    try (Model saved = Models.build(Models.HYBRID, Devices.cpu(), ScalarType.Float, 1);
        Model model = Models.build(Models.HYBRID, Devices.cpu(), ScalarType.Float, 2)) {
      ModelFiles.save(saved, file);
      byte[] bytes = Files.readAllBytes(file);
      Map<String, double[]> before = Models.values(model);
      for (int length : new int[] {0, 7, 100, bytes.length - 1}) {
        Files.write(file, Arrays.copyOf(bytes, length));
        assertThrows(IOException.class, () -> ModelFiles.load(model, file));
        assertSame(before, model);
      }
    }
  }

  /** What is only used has each parameter once, in the type that it is computed with. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16", "Double"})
  void aModelThatIsReadComputesTheSameWithoutMasters(ScalarType type) throws IOException {
    Path file = folder.resolve("model.safetensors");
    Placement placement = new Placement(Devices.cpu(), type);
    try (Model saved = Models.build(Models.HYBRID, Devices.cpu(), type, 1);
        Model read = Models.toRead(Models.HYBRID, placement)) {
      Tensor tokens = Models.tokens(1, 2, 3);
      ModelFiles.save(saved, file);
      ModelFiles.load(read, file);
      for (Parameter each : read.parameters().all()) {
        assertFalse(each.copied(), each.name());
        assertEquals(each.spec().fp32() ? placement.master() : type, Tensors.type(each.working()));
      }
      assertArrayEquals(
          Tensors.numbers(Models.hidden(saved, tokens)),
          Tensors.numbers(Models.hidden(read, tokens)));
      // A share that bfloat16 rounds: it counts in the type of the residual stream.
      for (Model each : List.of(saved, read)) {
        each.grow(Set.of(new SitePath("blocks.1.mixer")), 0.3);
      }
      assertArrayEquals(
          Tensors.numbers(Models.hidden(saved, tokens)),
          Tensors.numbers(Models.hidden(read, tokens)));
    }
  }

  @Test
  void whatIsToBeReadIsNotDrawn() {
    AtomicInteger drawn = new AtomicInteger();
    ParameterSpec spec =
        ParameterSpec.of("weight", (tensor, generator) -> drawn.incrementAndGet(), 2, 3);
    Placement placement = new Placement(Devices.cpu(), ScalarType.Float);
    try (ParameterStore store = ParameterStore.toRead(placement)) {
      store.borrow("before", spec);
      assertEquals(0, drawn.get());
      store.read();
      store.borrow("after", spec);
      assertEquals(1, drawn.get());
    }
  }
}
