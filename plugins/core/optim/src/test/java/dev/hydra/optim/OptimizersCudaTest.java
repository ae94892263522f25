package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Optimizers that are made of operators change parameters on CUDA as they do on a CPU. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class OptimizersCudaTest {
  private static final long[][] SHAPES = {{7}, {33, 5}, {64, 128}, {3, 16, 24}};
  private static final double RATE = 1e-2;
  private static final int STEPS = 5;

  /** Parameters of some shapes, the same on every device, and their optimizer. */
  private static final class Side implements AutoCloseable {
    final Device device;
    final List<OptimizedParameter> parameters = new ArrayList<>();
    final Map<String, Tensor> begin = new LinkedHashMap<>();
    final Optimizer optimizer;

    Side(String device, String options, boolean averaging) {
      this.device = new Device(device);
      torch.manual_seed(1);
      for (int i = 0; i < SHAPES.length; i++) {
        Tensor master = random(SHAPES[i]);
        begin.put("p" + i, master.clone());
        parameters.add(
            new OptimizedParameter("p" + i, master, torch.zeros_like(master), i % 2 == 0));
      }
      OptimizerSettings settings =
          OptimizerSettings.read(ConfigFactory.parseString(options), Plugins.ALL);
      optimizer = (averaging ? settings.averaging(0.9) : settings).optimizer(parameters, Map.of());
      optimizer.learningRate(RATE);
    }

    private Tensor random(long... sizes) {
      return torch.randn(sizes).to(device, ScalarType.Float);
    }

    void step(int number, boolean skip) {
      torch.manual_seed(100 + number);
      parameters.forEach(each -> each.gradient().copy_(random(Tensors.sizes(each.gradient()))));
      Tensor flag = Tensors.zeros(parameters.get(0).master(), ScalarType.Float);
      optimizer.stepUnless(Tensors.add(flag, skip ? 1 : 0));
    }

    /** How far each parameter has moved, and the optimizer's state. */
    Map<String, Tensor> contents() {
      Map<String, Tensor> all = new LinkedHashMap<>();
      for (OptimizedParameter each : parameters) {
        all.put(each.name() + " moved", each.master().sub(begin.get(each.name())));
      }
      all.putAll(optimizer.exportState());
      all.replaceAll((name, value) -> value.to(new Device("cpu"), ScalarType.Double).clone());
      return all;
    }

    @Override
    public void close() {
      optimizer.close();
    }
  }

  /** Muon computes in bfloat16 on CUDA; a moment in bfloat16 may go to its other neighbour. */
  @ParameterizedTest
  @CsvSource({
    "type = lion, false, 1e-3",
    "type = muon, false, 5e-2",
    "'type = adamw, moments = bf16', false, 1e-2",
    "type = adamw, true, 1e-4",
    "type = lion, true, 1e-3",
    "type = muon, true, 5e-2",
    "'type = adamw, moments = bf16', true, 1e-2",
  })
  void onCudaAsOnACpu(String options, boolean averaging, double bound) {
    try (Side cpu = new Side("cpu", options, averaging);
        Side cuda = new Side("cuda:0", options, averaging)) {
      for (int i = 0; i < STEPS; i++) {
        cpu.step(i, i == 3);
        cuda.step(i, i == 3);
      }
      Map<String, Tensor> expected = cpu.contents();
      Map<String, Tensor> actual = cuda.contents();
      assertEquals(expected.keySet(), actual.keySet());
      expected.forEach(
          (name, value) -> {
            double off = Tensors.number(actual.get(name).sub(value).norm());
            double norm = Tensors.number(value.norm());
            assertTrue(norm > 0, name + " has not changed");
            assertTrue(off <= bound * norm, name + " is off by " + off / norm);
          });
    }
  }
}
