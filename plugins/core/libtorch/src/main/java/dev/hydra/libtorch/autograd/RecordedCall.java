package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.FunctionPostHook;
import org.bytedeco.pytorch.FunctionPreHook;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/**
 * One call of a {@link CustomFunction} that waits for backward, with the two hooks that {@link
 * GraphNode} puts round the node's own work: the first takes the arriving gradients away, so that
 * the node computes nothing; the second fills in the gradients that the function computes.
 */
final class RecordedCall {
  final long id = LiveCalls.nextId();
  final CustomFunction function;
  final CustomFunction.Context context;
  final List<TensorMetadata> inputs;
  final List<TensorMetadata> outputs;

  /** Positions of the outputs that the graph knows: those that can have a gradient. */
  final int[] differentiable;

  final FunctionPreHook before = new Before();
  final FunctionPostHook after = new After();

  /** The gradients on their way from the first hook to the second, by output. */
  private @Nullable Tensor[] arrived = {};

  private volatile Optional<LibTorchException> failure = Optional.empty();

  /** Records a call for its backward. */
  RecordedCall(
      CustomFunction function, CustomFunction.Context context, Tensor[] inputs, Tensor[] outputs) {
    this.function = function;
    this.context = context;
    this.inputs = Arrays.stream(inputs).map(TensorMetadata::new).toList();
    this.outputs = Arrays.stream(outputs).map(TensorMetadata::new).toList();
    differentiable =
        IntStream.range(0, outputs.length)
            .filter(o -> outputs[o].is_floating_point() || outputs[o].is_complex())
            .toArray();
  }

  /** Returns what the function threw in backward, if it did. */
  Optional<LibTorchException> failure() {
    return failure;
  }

  private void take(TensorVector gradients) {
    arrived = new @Nullable Tensor[outputs.size()];
    try (PointerScope scope = new PointerScope()) {
      for (int i = 0; i < differentiable.length; i++) {
        Tensor gradient = gradients.get(i);
        if (gradient.defined()) {
          arrived[differentiable[i]] = Scopes.own(gradient);
          gradients.put(i, GraphNode.UNDEFINED);
        }
      }
    }
  }

  private void give(TensorVector gradients) {
    @Nullable Tensor[] taken = arrived;
    arrived = new @Nullable Tensor[0];
    try (PointerScope scope = new PointerScope()) {
      if (GradMode.is_enabled()) {
        throw new UnsupportedOperationException(
            function.name() + " can be differentiated once; create_graph is not supported");
      }
      CustomFunction.Gradients exchange = new CustomFunction.Gradients(this, taken);
      if (exchange.anyArrived() || function.runsWithoutGradients()) {
        function.backward(context, exchange);
      }
      for (int i = 0; i < inputs.size(); i++) {
        @Nullable Tensor gradient = exchange.given(i);
        if (gradient != null) {
          gradients.put(i, gradient);
        }
      }
    } finally {
      for (@Nullable Tensor gradient : taken) {
        if (gradient != null) {
          gradient.close();
        }
      }
    }
  }

  /**
   * Both hooks edit the vector that the engine hands them and hand it back: a vector owned by Java
   * could be freed too early, and null would crash the process.
   */
  private final class Before extends FunctionPreHook {
    @Override
    public TensorVector apply(TensorVector gradients) {
      take(gradients);
      return gradients;
    }
  }

  private final class After extends FunctionPostHook {
    @Override
    public TensorVector apply(TensorVector inputGradients, TensorVector outputGradients) {
      try {
        give(inputGradients);
        return inputGradients;
      } catch (Throwable e) {
        LibTorchException explained =
            new LibTorchException(
                "backward of %s: %s".formatted(function.name(), LibTorchException.readable(e)), e);
        failure = Optional.of(explained);
        throw LiveCalls.referringTo(RecordedCall.this, explained);
      }
    }
  }
}
