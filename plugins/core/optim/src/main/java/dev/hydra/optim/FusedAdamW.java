package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Operators;
import dev.hydra.libtorch.runtime.Operators.Operator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** One call of LibTorch's fused operator, its arguments made once. */
record FusedAdamW(
    IValue masters,
    IValue gradients,
    IValue averages,
    IValue squares,
    IValue maxSquares,
    IValue steps,
    AdamW.Constants constants)
    implements AutoCloseable {
  private static final Operator UPDATE = Operators.find("aten::_fused_adamw_", "tensor_lr");

  /** A parameter that is updated, its gradient and its moments, this step counted. */
  record Member(Tensor master, Tensor gradient, Moments moments) {}

  /** Prepares the update of members. */
  static FusedAdamW of(List<Member> members, AdamW.Constants constants) {
    return new FusedAdamW(
        list(members, Member::master),
        list(members, Member::gradient),
        list(members, member -> member.moments().average()),
        list(members, member -> member.moments().square()),
        Operators.list(List.of()),
        list(members, member -> member.moments().step()),
        constants);
  }

  private static IValue list(List<Member> members, Function<Member, Tensor> part) {
    return Operators.list(members.stream().map(part).toList());
  }

  /**
   * Updates parameters and moments.
   *
   * @param skip on their device, float32 without dimensions: 1 to change nothing; null to go on
   */
  void update(Tensor learningRate, @Nullable Tensor skip) {
    UPDATE.call(
        masters,
        gradients,
        averages,
        squares,
        maxSquares,
        steps,
        learningRate,
        constants.beta1(),
        constants.beta2(),
        constants.weightDecay(),
        constants.epsilon(),
        false,
        false,
        null,
        skip);
  }

  @Override
  public void close() {
    Stream.of(masters, gradients, averages, squares, maxSquares, steps).forEach(IValue::close);
  }
}
