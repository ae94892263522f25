package dev.hydra.libtorch.autograd;

import dev.hydra.libtorch.runtime.Scopes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.jspecify.annotations.Nullable;

/**
 * A differentiable function with a backward of its own, written in Java: what {@code
 * torch.autograd.Function} is in Python. LibTorch's autograd calls it like any operator; no data is
 * copied, and nothing is recorded in between, so a fused forward keeps only what it saves.
 *
 * <p>Run backward by {@link Backward#run}, so that an exception of {@link #backward} comes back
 * with its cause. On CUDA {@link #backward} runs on LibTorch's thread for that device.
 *
 * <p>Functions can be differentiated once. A function may be used by several threads if it has no
 * mutable fields: what belongs to one call is in the {@link Context}. Autocast is refused, because
 * its cache of cast weights would lose their gradients; cast explicitly.
 */
public abstract class CustomFunction {
  private static final ThreadLocal<Boolean> INLINED = ThreadLocal.withInitial(() -> false);

  /**
   * Runs an action in which custom functions have no backward of their own: what they compute is
   * recorded operator by operator, for those who want to see it in the graph.
   */
  public static void inlined(Runnable action) {
    boolean before = INLINED.get();
    INLINED.set(true);
    try {
      action.run();
    } finally {
      INLINED.set(before);
    }
  }

  /**
   * Says whether this is within {@link #inlined}, where a function that LibTorch cannot record,
   * such as one of CUDA kernels, has to give way to operators.
   */
  public static boolean isInlined() {
    return INLINED.get();
  }

  /**
   * Computes the outputs, with recording switched off, but for {@link #inlined}, and in a scope of
   * its own.
   *
   * @return one or more tensors; integer ones stay outside the graph
   */
  protected abstract Tensor[] forward(Context context, Tensor... inputs);

  /**
   * Computes the gradients of the inputs from those of the outputs, with recording switched off and
   * in a scope of its own. An input that is given no gradient gets none.
   */
  protected abstract void backward(Context context, Gradients gradients);

  /**
   * Says whether {@link #backward} runs even if no gradient arrives, once all that read the outputs
   * have run; if not, nothing is to be done then.
   */
  protected boolean runsWithoutGradients() {
    return false;
  }

  /**
   * Computes the outputs and, if recording is on and an input needs a gradient, puts this function
   * into the graph.
   */
  public final Tensor[] apply(Tensor... inputs) {
    if (torch.is_autocast_enabled(DeviceType.CPU) || torch.is_autocast_enabled(DeviceType.CUDA)) {
      throw new IllegalStateException(name() + " cannot run under autocast; cast explicitly");
    }
    boolean[] needsGrad = new boolean[inputs.length];
    boolean recorded = false;
    for (int i = 0; i < inputs.length; i++) {
      needsGrad[i] = GradMode.is_enabled() && inputs[i].requires_grad();
      recorded |= needsGrad[i];
    }
    if (INLINED.get()) {
      return Scopes.keepAll(() -> forward(new Context(needsGrad, false), inputs));
    }
    Context context = new Context(needsGrad, recorded);
    return Scopes.keepAll(() -> call(context, inputs));
  }

  private Tensor[] call(Context context, Tensor[] inputs) {
    try {
      Tensor[] outputs;
      try (Grad off = Grad.off()) {
        outputs = forward(context, inputs);
        for (int o = 0; o < outputs.length; o++) {
          if (!isFresh(o, outputs, inputs)) {
            outputs[o] = outputs[o].detach();
          }
        }
      }
      if (context.recorded) {
        GraphNode.insert(new RecordedCall(this, context, inputs, outputs), inputs, outputs);
      }
      return outputs;
    } catch (RuntimeException | Error e) {
      context.release();
      throw e;
    }
  }

  /**
   * Says whether an output can become this node's: it is not an input, another output or a
   * parameter.
   */
  private static boolean isFresh(int index, Tensor[] outputs, Tensor[] inputs) {
    Tensor output = outputs[index];
    boolean fresh = !output.requires_grad();
    for (Tensor input : inputs) {
      fresh &= !output.is_same(input);
    }
    for (int o = 0; o < index; o++) {
      fresh &= !output.is_same(outputs[o]);
    }
    return fresh;
  }

  /** Returns the name in messages. */
  final String name() {
    String simple = getClass().getSimpleName();
    return simple.isEmpty() ? getClass().getName() : simple;
  }

  /** The context of one call, which it keeps from forward to backward. */
  public static final class Context {
    /** A tensor without history that shares data and version with the one that was saved. */
    private record Saved(Tensor alias, long version) {}

    private final boolean[] needsGrad;
    private final boolean recorded;
    private final List<Saved> saved = new ArrayList<>();
    private final List<Runnable> atEnd = new ArrayList<>();
    private volatile boolean released;

    private Context(boolean[] needsGrad, boolean recorded) {
      this.needsGrad = needsGrad;
      this.recorded = recorded;
    }

    /** Says whether the gradient of an input will be used. */
    public boolean needsGrad(int input) {
      return needsGrad[input];
    }

    /**
     * Saves inputs, outputs or temporaries for backward. Forward only. Saves nothing if there will
     * be no backward.
     */
    public void save(Tensor... tensors) {
      if (recorded) {
        for (Tensor tensor : tensors) {
          Tensor alias = tensor.detach();
          alias.retainReference();
          saved.add(new Saved(alias, tensor._version()));
        }
      }
    }

    /**
     * Returns a saved tensor, counted in the order of {@link #save}. Backward only.
     *
     * @throws IllegalStateException if it was changed in place since, or is freed already
     */
    public Tensor saved(int index) {
      if (released) {
        throw new IllegalStateException(
            "backward ran a second time through a freed graph; retain the graph the first time");
      }
      Saved entry = saved.get(index);
      if (entry.alias._version() != entry.version) {
        throw new IllegalStateException(
            "saved tensor " + index + " was changed in place between forward and backward");
      }
      return entry.alias;
    }

    /** Returns how many tensors are saved. */
    public int savedCount() {
      return saved.size();
    }

    /**
     * Runs an action once backward can no longer run, before what is saved is freed, on whatever
     * thread frees the graph. Forward only.
     *
     * @return whether there will be a backward; if not, the action is not run
     */
    public boolean atEnd(Runnable action) {
      if (recorded) {
        atEnd.add(action);
      }
      return recorded;
    }

    /** Frees what is saved. */
    void release() {
      released = true;
      atEnd.forEach(Runnable::run);
      atEnd.clear();
      saved.forEach(entry -> entry.alias.close());
      saved.clear();
    }
  }

  /** The gradients that a backward gets and gives. */
  public static final class Gradients {
    private final RecordedCall call;
    private final @Nullable Tensor[] outputs;
    private final @Nullable Tensor[] inputs;

    Gradients(RecordedCall call, @Nullable Tensor[] outputs) {
      this.call = call;
      this.outputs = outputs;
      this.inputs = new @Nullable Tensor[call.inputs.size()];
    }

    /** Returns how many inputs there are. */
    public int count() {
      return inputs.length;
    }

    /** Returns the sizes of an input. */
    public long[] sizes(int input) {
      return call.inputs.get(input).sizes();
    }

    /** Says whether the loss depends on an output; if not, its gradient is zero. */
    public boolean arrived(int output) {
      return outputs[output] != null;
    }

    /**
     * Returns the gradient of an output, in its shape and type; zeros if the loss does not depend
     * on it.
     */
    public Tensor of(int output) {
      @Nullable Tensor gradient = outputs[output];
      return gradient != null ? gradient : call.outputs.get(output).zeros(firstArrived());
    }

    /**
     * Sets the gradient of an input. It is cast to the input's type, and ignored if nobody needs
     * it.
     *
     * @throws IllegalArgumentException if it has another shape than the input
     */
    public void give(int input, Tensor gradient) {
      if (call.context.needsGrad(input)) {
        inputs[input] = call.inputs.get(input).checked(input, gradient);
      }
    }

    @Nullable Tensor given(int input) {
      return inputs[input];
    }

    /** Says whether the loss depends on any output. */
    boolean anyArrived() {
      return Arrays.stream(outputs).anyMatch(Objects::nonNull);
    }

    private Tensor firstArrived() {
      return Arrays.stream(outputs).filter(Objects::nonNull).findFirst().orElseThrow();
    }
  }
}
