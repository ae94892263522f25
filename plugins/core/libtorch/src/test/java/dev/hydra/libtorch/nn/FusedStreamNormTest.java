package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(InScope.class)
class FusedStreamNormTest {
  private static final double EPSILON = 1e-5;

  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // rows, width, addends
    "1, 8, 1",
    "5, 64, 2",
    "7, 33, 2",
    "3001, 384, 2",
    "1000, 384, 1",
    "700, 2048, 2",
    "61, 16384, 1"
  })
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void agreesWithFloat64AndThePlainTwin(int rows, int width, int addends) {
    Twins twins =
        new Twins()
            .weight("the stream", random.values(2, rows, width))
            .weight("the weight", random.values(width));
    for (int i = 0; i < addends; i++) {
      twins.element("addend " + i, random.values(2, rows, width));
      twins.weight("gate " + i, Tensor.create(0.15 + 0.6 * i));
    }
    for (ScalarType tried : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      twins.check(
          in -> {
            Tensor stream = in.get("the stream");
            ScalarType type = Tensors.type(in.get("addend 0"));
            return results(
                Norms.rmsOfGated(
                        stream, addends(in), Optional.empty(), in.get("the weight"), EPSILON, type)
                    .orElseThrow());
          },
          in -> {
            Tensor stream = in.get("the stream");
            ScalarType type = Tensors.type(in.get("addend 0"));
            Tensor sum = stream;
            for (GatedAddend each : addends(in)) {
              sum = each.plain(sum);
            }
            return results(
                Norms.rmsOfStream(sum, Optional.empty(), in.get("the weight"), EPSILON, type));
          },
          tried,
          ScalarType.Float);
    }
  }

  private static List<GatedAddend> addends(Map<String, Tensor> in) {
    List<GatedAddend> addends = new ArrayList<>();
    for (int i = 0; in.containsKey("addend " + i); i++) {
      addends.add(new GatedAddend(in.get("addend " + i), in.get("gate " + i), 1 + 0.5 * i));
    }
    return addends;
  }

  private static Map<String, Tensor> results(Norms.Summed summed) {
    Map<String, Tensor> named = new LinkedHashMap<>();
    named.put("the sum", summed.sum());
    named.put("the norm", summed.normed());
    return named;
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void whatItCannotComputeIsLeftToTheStream() {
    Tensor x = torch.ones(2, 3, 8).to(new Device("cuda"), ScalarType.Float);
    Tensor weight = x.view(-1).narrow(0, 0, 8);
    GatedAddend one = new GatedAddend(x, weight.narrow(0, 0, 1), 1);
    assertTrue(normed(x, List.of(one, one), weight).isPresent());
    assertTrue(normed(x, List.of(), weight).isEmpty());
    assertTrue(normed(x, List.of(one, one, one), weight).isEmpty(), "three addends");
    GatedAddend other = new GatedAddend(x.to(ScalarType.BFloat16), one.gate(), 1);
    assertTrue(normed(x, List.of(one, other), weight).isEmpty(), "of two types");
    assertTrue(GatedAddend.of(x, x.to(ScalarType.Double), one.gate(), 1).isEmpty(), "float64");
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(normed(x, List.of(one), weight).isEmpty(), "plain");
      assertTrue(GatedAddend.of(x, x, one.gate(), 1).isEmpty(), "plain");
    }
  }

  private static Optional<Norms.Summed> normed(
      Tensor stream, List<GatedAddend> addends, Tensor weight) {
    ScalarType type = Tensors.type(stream);
    return Norms.rmsOfGated(stream, addends, Optional.empty(), weight, EPSILON, type);
  }

  /** What waits for a norm is added in its order where no norm adds it. */
  @Test
  void addendsAreAddedOnTheCpuToo() {
    Tensor stream = Tensor.create(1.0, 2.0);
    GatedAddend addend = new GatedAddend(Tensor.create(3.0, 4.0), Tensor.create(0.5), 2);
    assertEquals(List.of(4.0, 6.0), List.of(number(addend, stream, 0), number(addend, stream, 1)));
    assertTrue(GatedAddend.of(stream, addend.y(), addend.gate(), 2).isEmpty(), "on a CPU");
  }

  private static double number(GatedAddend addend, Tensor stream, int index) {
    return Tensors.numbers(addend.addTo(stream))[index];
  }
}
