package dev.hydra.optim;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * An update that does together what {@link GradientClip}, {@link Optimizer#stepUnless} and the
 * copying of masters to working copies do one by one, without a wait for the device.
 */
@ConsumerType
public interface FusedUpdate extends AutoCloseable {
  /**
   * Says where backward has left gradients, if it hands them over instead of adding them to those
   * that parameters came with. That holds until it is said again; it is not to be captured.
   *
   * @param dense the gradients of all parameters that are not tables, by their names, contiguous,
   *     float32 or bfloat16; they stay the caller's
   */
  void gradients(Map<String, Tensor> dense);

  /**
   * Computes the global norm of all gradients.
   *
   * @param tables the gradients of tables, by the names of parameters: sparse, coalesced or not. A
   *     table that is missing has no gradient, unless it came with a dense one
   * @return the norm before clipping, without dimensions, which the next call replaces; not finite
   *     if a gradient is not
   */
  Tensor norm(Map<String, Tensor> tables);

  /**
   * Clips the gradients whose norm was computed last, makes a step at the optimizer's learning rate
   * and writes working copies; or changes nothing, step counts included.
   *
   * @param skip on the device, float32 without dimensions: 0 to make the step, 1 to leave
   *     everything as it is; at least where the norm is not finite
   */
  void step(Tensor skip);

  /** Frees what it was prepared with, but neither parameters nor optimizer state. */
  @Override
  void close();
}
