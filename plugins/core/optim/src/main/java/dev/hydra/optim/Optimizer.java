package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Changes parameters by their gradients, step by step. Its state is kept by parameter, so that it
 * can follow the parameters where a model changes while it is trained. Of a {@linkplain
 * OptimizedParameter#isTable table} only the rows that were read change: those that a sparse
 * gradient (COO, coalesced) holds, or that stand beside a dense one.
 *
 * <p>Gradients that are not finite go through to the parameters; whoever calls decides whether to
 * make the step. The optimizer owns its state and is to be closed.
 */
public interface Optimizer extends AutoCloseable {
  /** Sets the learning rate of the steps to come; zero before. */
  void learningRate(double rate);

  /**
   * Changes the parameters once, by the gradients that stand in their tensors now, without a wait
   * for the device.
   */
  void step();

  /**
   * Makes a step, or changes nothing, step counts included, as a number on the device says. One
   * that does not override this waits for the device, and so cannot be captured in a CUDA graph.
   *
   * @param skip on the device of the parameters, float32 without dimensions: 0 to make the step, 1
   *     to leave everything as it is
   */
  default void stepUnless(Tensor skip) {
    if (Tensors.number(skip) == 0) {
      step();
    }
  }

  /**
   * Prepares updates that clip gradients, make steps and write working copies together, in as few
   * passes over memory as there can be; to be closed before this optimizer.
   *
   * @param maxNorm the largest global norm of gradients that is left alone; infinite for any
   * @return nothing where there is no such way on the device of the parameters
   */
  default Optional<FusedUpdate> fused(double maxNorm) {
    return Optional.empty();
  }

  /** Sets the learning rate and makes a step. */
  default void step(double rate) {
    learningRate(rate);
    step();
  }

  /**
   * Returns the state of every parameter, by name, in the order of the parameters (checkpoints are
   * written so): live, and owned by the optimizer.
   */
  Map<String, ParameterState> states();

  /**
   * Makes the state of a parameter before its first step, whether or not this optimizer has the
   * parameter; to be closed by the caller. Called from any thread.
   */
  ParameterState initialState(OptimizedParameter parameter);

  /** Ends this optimizer, but not its {@link #states}, which now belong to the caller. */
  void release();

  /** Ends this optimizer and frees its states. */
  @Override
  void close();

  /**
   * Returns the optimizer state by names such as {@code PARAMETER.exp_avg}: the live tensors, which
   * the next step changes and {@link #close()} frees.
   */
  default Map<String, Tensor> exportState() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    states()
        .forEach(
            (name, state) ->
                state.tensors().forEach((part, tensor) -> all.put(name + "." + part, tensor)));
    return all;
  }

  /**
   * Restores a state, bit for bit.
   *
   * @param saved all that {@link #exportState()} had then and nothing else, on any device
   * @throws IllegalArgumentException if a name, shape or type differs; then nothing has changed
   */
  default void importState(Map<String, Tensor> saved) {
    Map<String, Tensor> state = exportState();
    for (String name : saved.keySet()) {
      if (!state.containsKey(name)) {
        throw new IllegalArgumentException("there is no optimizer state " + name);
      }
    }
    state.forEach((name, tensor) -> check(name, tensor, saved.get(name)));
    Scopes.run(() -> state.forEach((name, tensor) -> tensor.copy_(saved.get(name))));
  }

  private static void check(String name, Tensor tensor, @Nullable Tensor saved) {
    if (saved == null) {
      throw new IllegalArgumentException("the saved optimizer state lacks " + name);
    }
    if (Tensors.type(saved) != Tensors.type(tensor)
        || !Arrays.equals(Tensors.sizes(saved), Tensors.sizes(tensor))) {
      throw new IllegalArgumentException(
          "the saved optimizer state "
              + name
              + " is "
              + describe(saved)
              + ", but must be "
              + describe(tensor));
    }
  }

  private static String describe(Tensor tensor) {
    return Tensors.type(tensor) + Arrays.toString(Tensors.sizes(tensor));
  }
}
