package {{package}};

import dev.hydra.api.Memory;
import dev.hydra.api.Pass;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Reads a table of learned slots, {@code y = softmax(x K^T / sqrt(width)) V}: the persistent vectors
 * of Sukhbaatar et al. 2019 (arXiv 1907.01470), without the attention round them. The table lives as
 * long as the model; what is to live as long as a sequence belongs in {@link Pass#cache()}.
 *
 * @param keys K, from [width] to [slots]
 * @param values V, from [slots] to [width]
 */
record {{Name}}Memory(Linear keys, Linear values) implements Memory {
  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Tensor scores = Tensors.mul(keys.apply(x), 1 / Math.sqrt(x.size(-1)));
    Tensor read = Tensors.upcast(scores).softmax(-1);
    return values.apply(Tensors.cast(read, Tensors.type(x)));
  }
}
