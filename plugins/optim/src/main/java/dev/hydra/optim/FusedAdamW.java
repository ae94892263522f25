package dev.hydra.optim;

import dev.hydra.libtorch.Operators;
import dev.hydra.libtorch.Operators.Operator;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;

/** One call of LibTorch's fused operator, its arguments made once. */
record FusedAdamW(
    IValue masters,
    IValue gradients,
    IValue averages,
    IValue squares,
    IValue maxSquares,
    IValue steps,
    double weightDecay,
    AdamW.Constants constants)
    implements AutoCloseable {
  private static final Operator UPDATE = Operators.find("aten::_fused_adamw_", "tensor_lr");

  /** What is updated together: a parameter, its gradient and its two moments. */
  record Member(Tensor master, Tensor gradient, Tensor average, Tensor square) {}

  /**
   * The update of members that are all decayed or all not.
   *
   * @param step how many steps there were, this one included; float32
   */
  static FusedAdamW of(
      List<Member> members, Tensor step, boolean decay, AdamW.Constants constants) {
    return new FusedAdamW(
        list(members, Member::master),
        list(members, Member::gradient),
        list(members, Member::average),
        list(members, Member::square),
        Operators.list(List.of()),
        Operators.list(Collections.nCopies(members.size(), step)),
        decay ? constants.weightDecay() : 0,
        constants);
  }

  private static IValue list(List<Member> members, Function<Member, Tensor> part) {
    return Operators.list(members.stream().map(part).toList());
  }

  /** Changes parameters and moments. */
  void update(Tensor learningRate) {
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
        weightDecay,
        constants.epsilon(),
        false,
        false,
        null,
        null);
  }

  @Override
  public void close() {
    Stream.of(masters, gradients, averages, squares, maxSquares, steps).forEach(IValue::close);
  }
}
