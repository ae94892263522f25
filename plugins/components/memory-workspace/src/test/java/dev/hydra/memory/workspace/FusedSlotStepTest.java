package dev.hydra.memory.workspace;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Single tokens of several texts by kernels that change slots in place. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedSlotStepTest {
  private static final int WIDTH = 96;
  private static final int STEPS = 75;
  private static final int LONGEST = 64;

  /** Texts of these lengths complete chunks of 32 tokens at different steps, two of them at one. */
  private static final long[] BEFORE = {1, 31, 63, LONGEST, 40};

  private final RandomInput random = new RandomInput();

  /** What a way to decode gave: the outputs, and what is left of each text. */
  private record Decoded(List<Tensor> outputs, List<Map<String, Tensor>> kept) {}

  private enum Way {
    /** By LibTorch's operators. */
    PLAIN,
    /** What all chunks write, kept of those that are complete. */
    ALL_WRITE,
    /** By kernels, where the host knows the positions. */
    KNOWN,
    /** By kernels, as captured. */
    CAPTURED
  }

  @ParameterizedTest
  @CsvSource({"Float, 2e-5", "BFloat16, 4e-2"})
  void completeChunksWriteAndOthersDoNot(ScalarType type, double bound) {
    Device device = new Device("cuda:0");
    Tensor x = random.values(BEFORE.length, STEPS + LONGEST, WIDTH).to(device, type);
    try (StandaloneComponent workspace = workspace(device, type)) {
      Decoded plain = decoded(workspace, x, Way.PLAIN);
      Decoded all = decoded(workspace, x, Way.ALL_WRITE);
      Decoded known = decoded(workspace, x, Way.KNOWN);
      Decoded captured = decoded(workspace, x, Way.CAPTURED);
      same(known, captured);
      if (type == ScalarType.Float) {
        same(all, known);
      } else {
        near(all, known, bound); // tensor cores add up all chunks in another order
      }
      near(plain, captured, bound);
    }
  }

  private StandaloneComponent workspace(Device device, ScalarType type) {
    StandaloneComponent workspace =
        new StandaloneComponent(
            Components.of(new WorkspaceFactory()),
            Role.MEMORY,
            ConfigFactory.parseString(
                "type = workspace, slots = 16, dim = 64, heads = 2, chunk = 32"),
            WIDTH,
            WIDTH,
            new Placement(device, type),
            1);
    for (Parameter parameter : workspace.parameters().all()) {
      Tensor values = parameter.master().to(new Device("cpu"), ScalarType.Double);
      Tensor noise = random.values(parameter.spec().sizes());
      workspace.parameters().load(parameter.name(), values.add(Tensors.mul(noise, 0.1)));
    }
    return workspace;
  }

  private static void near(Decoded expected, Decoded found, double bound) {
    for (int step = 0; step < STEPS; step++) {
      Samples.assertNear(
          "step " + step, expected.outputs.get(step), found.outputs.get(step), bound);
    }
    for (int row = 0; row < BEFORE.length; row++) {
      for (String name : List.of("slots", "pending")) {
        Samples.assertNear(
            name + " of text " + row,
            expected.kept.get(row).get(name),
            found.kept.get(row).get(name),
            bound);
      }
    }
  }

  private static void same(Decoded expected, Decoded found) {
    for (int step = 0; step < STEPS; step++) {
      assertThat(found.outputs.get(step).equal(expected.outputs.get(step)))
          .as("step " + step)
          .isTrue();
    }
    for (int row = 0; row < BEFORE.length; row++) {
      Map<String, Tensor> kept = found.kept.get(row);
      assertThat(kept).containsOnlyKeys("slots", "pending");
      expected
          .kept
          .get(row)
          .forEach((name, tensor) -> assertThat(kept.get(name).equal(tensor)).as(name).isTrue());
    }
  }

  private static Decoded decoded(StandaloneComponent workspace, Tensor x, Way way) {
    List<Tensor> outputs = new ArrayList<>();
    List<Map<String, Tensor>> kept = new ArrayList<>();
    KernelMode mode = way == Way.PLAIN ? KernelMode.PLAIN : KernelMode.FUSED;
    try (Grad off = Grad.off();
        BatchState batch = workspace.batch()) {
      for (int row = 0; row < BEFORE.length; row++) {
        batch.add(read(workspace, x.narrow(0, row, 1).narrow(1, 0, BEFORE[row])));
      }
      try (KernelMode.Setting kernels = mode.set()) {
        for (int step = 0; step < STEPS; step++) {
          Tensor token = x.narrow(1, LONGEST + step, 1).contiguous();
          outputs.add(step(workspace, batch, token, way).to(ScalarType.Double));
        }
      }
      for (ModelState state : batch.removeAll()) {
        Map<String, Tensor> copies = new TreeMap<>(workspace.kept(state));
        copies.replaceAll((name, tensor) -> tensor.clone());
        kept.add(copies);
        state.close();
      }
    }
    return new Decoded(outputs, kept);
  }

  private static ModelState read(StandaloneComponent workspace, Tensor tokens) {
    ModelState state = new ModelState();
    try (KernelMode.Setting same = KernelMode.PLAIN.set();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      workspace.forward(tokens, forward);
    }
    return state;
  }

  private static Tensor step(
      StandaloneComponent workspace, BatchState batch, Tensor token, Way way) {
    ForwardContext evaluation = ForwardContext.evaluation();
    ForwardContext asked = way == Way.ALL_WRITE ? evaluation.observing() : evaluation;
    try (ForwardContext forward = asked.with(batch)) {
      Supplier<Tensor> run = () -> workspace.forward(token, forward);
      if (way != Way.CAPTURED) {
        return run.get();
      }
      Tensor[] output = new Tensor[1];
      batch.capturable(BEFORE.length, () -> output[0] = run.get());
      batch.replayed();
      return output[0];
    }
  }
}
