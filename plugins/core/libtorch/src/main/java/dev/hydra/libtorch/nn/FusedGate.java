package dev.hydra.libtorch.nn;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A gate's activation and its product by CUDA kernels. Its twin is {@link GatedActivation#plain}.
 * Backward keeps the inputs only. Gate and up may be halves of one tensor, and then their gradients
 * are.
 */
final class FusedGate extends RecomputedFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedGate.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "activations.cu",
              "gate_curve.cu",
              "gated_activation.cu"));

  /** Threads of a block, as the program says. */
  private static final int THREADS = 256;

  /** What a thread can number. */
  private static final long MOST_VECTORS = 1L << 32;

  private final Kernels kernels;
  private final int vector;
  private final boolean halves;
  private final float multiplier;

  /** Gate and up as rows. */
  private record Inputs(Tensor gate, Tensor up) {}

  private FusedGate(Kernels kernels, int vector, boolean halves, double multiplier) {
    this.kernels = kernels;
    this.vector = vector;
    this.halves = halves;
    this.multiplier = (float) multiplier;
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link
   * dev.hydra.libtorch.kernels.KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedGate> of(
      GatedActivation activation, Tensor gate, Tensor up, double multiplier) {
    return Tensors.type(gate) == Tensors.type(up)
        ? of(activation, gate.size(-1), multiplier, gate, up)
        : Optional.empty();
  }

  /** Chooses likewise for halves of one tensor. */
  static Optional<FusedGate> of(GatedActivation activation, Tensor gateUp) {
    return of(activation, gateUp.size(-1) / 2, 1, gateUp);
  }

  private static Optional<FusedGate> of(
      GatedActivation activation, long hidden, double multiplier, Tensor... inputs) {
    Tensor first = inputs[0];
    ScalarType type = Tensors.type(first);
    if (!Rows.wanted(first) || !Rows.isKernelType(type) || first.numel() == 0) {
      return Optional.empty();
    }
    int vector = VectorSize.of(type, hidden, List.of(inputs));
    if (first.numel() / vector >= MOST_VECTORS) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of("ELEMENT_BF16", Rows.bf16(type), "VECTOR", vector, "ACTIVATION", activation.macro());
    return KERNELS
        .usable(first, macros)
        .map(kernels -> new FusedGate(kernels, vector, inputs.length == 1, multiplier));
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    context.save(inputs);
    Inputs in = inputs(inputs);
    long[] sizes = Tensors.sizes(inputs[0]);
    sizes[sizes.length - 1] = in.gate.size(1);
    Tensor out = Tensors.empty(in.gate, Tensors.type(in.gate), sizes);
    kernels
        .get("gated_activation_forward")
        .launch(
            grid(in.gate),
            strided(in.gate),
            strided(in.up),
            multiplier,
            out,
            in.gate.size(1),
            in.gate.size(0),
            (int) in.gate.size(1));
    return new Tensor[] {out};
  }

  @Override
  Optional<Tensor> backward(Context context, Tensor arrived, Gradients gradients, boolean again) {
    Tensor[] saved =
        halves
            ? new Tensor[] {context.saved(0)}
            : new Tensor[] {context.saved(0), context.saved(1)};
    Inputs in = inputs(saved);
    Tensor[] given = new Tensor[saved.length];
    for (int i = 0; i < given.length; i++) {
      given[i] = Split.room(Rows.of(saved[i]));
    }
    Inputs to = inputs(given);
    long hidden = in.gate.size(1);
    Tensor dOut = Rows.fit(vector, arrived.reshape(-1, hidden));
    @Nullable Tensor out =
        again ? Tensors.empty(dOut, Tensors.type(in.gate), dOut.size(0), hidden) : null;
    kernels
        .get("gated_activation_backward")
        .launch(
            grid(in.gate),
            strided(dOut),
            strided(in.gate),
            strided(in.up),
            multiplier,
            strided(to.gate),
            strided(to.up),
            out,
            hidden,
            in.gate.size(0),
            (int) hidden);
    for (int i = 0; i < given.length; i++) {
      gradients.give(i, given[i].view(Tensors.sizes(saved[i])));
    }
    return Optional.ofNullable(out);
  }

  private Inputs inputs(Tensor... tensors) {
    Tensor first = Rows.of(tensors[0]);
    if (!halves) {
      return new Inputs(first, Rows.of(tensors[1]));
    }
    long hidden = first.size(1) / 2;
    return new Inputs(first.narrow(1, 0, hidden), first.narrow(1, hidden, hidden));
  }

  private Grid grid(Tensor gate) {
    return Grid.of((gate.numel() / vector + THREADS - 1) / THREADS, THREADS);
  }
}
