package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * {@code silu(bias + sum over back of weight[kernel - 1 - back] * x[t - back])} per channel, as a
 * sum of shifted products: channels stay innermost, so nothing is transposed, and inputs of other
 * documents drop out tap by tap.
 */
final class ConvFunction extends CustomFunction {
  private static final int X = 0;
  private static final int WEIGHT = 1;

  private final boolean biased;
  private final boolean packed;
  private final boolean continued;

  private ConvFunction(boolean biased, boolean packed, boolean continued) {
    this.biased = biased;
    this.packed = packed;
    this.continued = continued;
  }

  /** Convolves along time: [batch, time, channels] to the same. */
  static Tensor compute(ConvInput in) {
    List<Tensor> inputs = new ArrayList<>(List.of(in.x(), in.weight()));
    in.bias().ifPresent(inputs::add);
    in.documents().ifPresent(inputs::add);
    in.past().ifPresent(inputs::add);
    return new ConvFunction(
            in.bias().isPresent(), in.documents().isPresent(), in.past().isPresent())
        .apply(inputs.toArray(Tensor[]::new))[0];
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor x = inputs[X];
    Tensor[] taps = taps(inputs[WEIGHT]);
    Optional<Tensor> documents = packed ? Optional.of(inputs[biased ? 3 : 2]) : Optional.empty();
    Tensor y = biased ? torch.addcmul(inputs[2], x, taps[0]) : x.mul(taps[0]);
    long time = x.size(1);
    for (int back = 1; back < taps.length; back++) {
      if (back < time) {
        Tensor earlier = sameDocument(x.narrow(1, 0, time - back), documents, back);
        y.narrow(1, back, time - back).addcmul_(earlier, taps[back]);
      }
      if (continued) {
        long reach = Math.min(back, time);
        Tensor past = inputs[inputs.length - 1].narrow(1, taps.length - 1 - back, reach);
        y.narrow(1, 0, reach).addcmul_(past, taps[back]);
      }
    }
    context.save(x, inputs[WEIGHT], y);
    documents.ifPresent(context::save);
    if (continued) {
      context.save(inputs[inputs.length - 1]);
    }
    return new Tensor[] {torch.silu(y)};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor x = context.saved(0);
    Tensor[] taps = taps(context.saved(1));
    Optional<Tensor> documents = packed ? Optional.of(context.saved(3)) : Optional.empty();
    Tensor dy = torch.silu_backward(gradients.of(0), context.saved(2));
    Tensor dx = dy.mul(taps[0]);
    Tensor[] dTaps = new Tensor[taps.length];
    dTaps[taps.length - 1] = overTime(dy.mul(x));
    long time = x.size(1);
    for (int back = 1; back < taps.length; back++) {
      int tap = taps.length - 1 - back;
      if (back < time) {
        Tensor later = sameDocument(dy.narrow(1, back, time - back), documents, back);
        dx.narrow(1, 0, time - back).addcmul_(later, taps[back]);
        dTaps[tap] = overTime(later.mul(x.narrow(1, 0, time - back)));
      } else {
        dTaps[tap] = torch.zeros_like(taps[back]);
      }
      if (continued) {
        long reach = Math.min(back, time);
        Tensor past = context.saved(packed ? 4 : 3).narrow(1, tap, reach);
        dTaps[tap] = dTaps[tap].add(overTime(dy.narrow(1, 0, reach).mul(past)));
      }
    }
    gradients.give(X, dx);
    gradients.give(WEIGHT, Tensors.stack(-1, dTaps).unsqueeze(1));
    if (biased) {
      gradients.give(2, overTime(dy));
    }
  }

  /** Returns the weights [channels] of the inputs 0, 1, 2... tokens back. */
  private static Tensor[] taps(Tensor weight) {
    Tensor rows = weight.squeeze(1).t().contiguous();
    Tensor[] taps = new Tensor[(int) rows.size(0)];
    for (int back = 0; back < taps.length; back++) {
      taps[back] = rows.select(0, taps.length - 1 - back);
    }
    return taps;
  }

  /**
   * Returns the values, zero where the two tokens so far apart that meet here are of different
   * documents.
   */
  private static Tensor sameDocument(Tensor values, Optional<Tensor> documents, int apart) {
    if (documents.isEmpty()) {
      return values;
    }
    Tensor numbers = documents.get();
    long time = values.size(1);
    Tensor same = numbers.narrow(1, apart, time).eq(numbers.narrow(1, 0, time));
    return values.mul(Tensors.cast(same, Tensors.type(values)).unsqueeze(-1));
  }

  private static Tensor overTime(Tensor values) {
    return values.sum(0, 1);
  }
}
