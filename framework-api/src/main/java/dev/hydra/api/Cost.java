package dev.hydra.api;

/**
 * The cost of a component for one sequence of a {@link Workload}.
 *
 * @param flops floating point operations of the forward; a multiply-add counts as two
 * @param activations elements kept from forward to backward, in the compute type, where CUDA
 *     kernels compute what they can: the component's input once among them, its output not. What is
 *     float32 beside bfloat16 counts twice.
 * @param state elements of decoding state held after the workload, see {@link StateCache}
 * @param idleParameters parameters that a single token does not touch (experts not chosen, table
 *     rows not read): total less active
 */
public record Cost(double flops, double activations, double state, double idleParameters) {
  /** Costs nothing. */
  public static final Cost NONE = new Cost(0, 0, 0, 0);

  /** Adds another cost, part by part. */
  public Cost plus(Cost other) {
    return new Cost(
        flops + other.flops,
        activations + other.activations,
        state + other.state,
        idleParameters + other.idleParameters);
  }

  /**
   * Returns the cost of {@code y = x W}: [rows, in] times [in, out]; keeps its input for backward.
   */
  public static Cost linear(double rows, double in, double out) {
    return new Cost(2 * rows * in * out, rows * in, 0, 0);
  }
}
