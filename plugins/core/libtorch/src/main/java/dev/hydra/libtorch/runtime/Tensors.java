package dev.hydra.libtorch.runtime;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Abbreviates what is clumsy to say with LibTorch's own signatures. */
public final class Tensors {
  /** The gradient of a table of embeddings: rows are sorted first, and nothing is atomic. */
  private static final Operators.Operator SUM_ROWS =
      Operators.find("aten::embedding_dense_backward", "");

  private Tensors() {}

  /** Returns the element type, as a constant that {@code ==} and {@code switch} understand. */
  public static ScalarType type(Tensor tensor) {
    return tensor.scalar_type().intern();
  }

  /** Returns the sizes. */
  public static long[] sizes(Tensor tensor) {
    long[] sizes = new long[(int) tensor.dim()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = tensor.size(i);
    }
    return sizes;
  }

  /** Returns the address of the first element, on the device of the tensor. */
  public static long address(Tensor tensor) {
    try (Pointer data = tensor.data_ptr()) {
      return data.address();
    }
  }

  /** Casts a tensor to another type; itself if it has that type. */
  public static Tensor cast(Tensor tensor, ScalarType type) {
    return type(tensor) == type ? tensor : tensor.to(type);
  }

  /**
   * Casts to at least float32: bfloat16 and half become float32, float32 and float64 stay. For what
   * needs the precision (softmax, decay, norms).
   */
  public static Tensor upcast(Tensor tensor) {
    ScalarType type = type(tensor);
    return type == ScalarType.Float || type == ScalarType.Double
        ? tensor
        : tensor.to(ScalarType.Float);
  }

  /** Computes {@code tensor * factor}. */
  public static Tensor mul(Tensor tensor, double factor) {
    try (Scalar scalar = new Scalar(factor)) {
      return tensor.mul(scalar);
    }
  }

  /** Returns the tensor times a fixed factor; the tensor itself if that is 1. */
  public static Tensor scaled(Tensor tensor, double factor) {
    return factor == 1 ? tensor : mul(tensor, factor);
  }

  /** Computes {@code tensor * factor}; integers stay integers. */
  public static Tensor mul(Tensor tensor, long factor) {
    try (Scalar scalar = new Scalar(factor)) {
      return tensor.mul(scalar);
    }
  }

  /** Computes {@code tensor + term}. */
  public static Tensor add(Tensor tensor, double term) {
    try (Scalar scalar = new Scalar(term)) {
      return tensor.add(scalar);
    }
  }

  /** Slices {@code tensor[from:to]} along a dimension, a view. */
  public static Tensor slice(Tensor tensor, int dim, long from, long to) {
    return tensor.narrow(dim, from, to - from);
  }

  /** Selects every {@code step}-th from {@code from} on along a dimension, a view. */
  public static Tensor every(Tensor tensor, int dim, long from, long step) {
    try (LongOptional start = new LongOptional(from);
        LongOptional end = new LongOptional()) {
      return tensor.slice(dim, start, end, step);
    }
  }

  /** Concatenates along a dimension. */
  public static Tensor cat(int dim, Tensor... parts) {
    try (TensorVector vector = new TensorVector(parts)) {
      return torch.cat(vector, dim);
    }
  }

  /** Stacks along a new dimension. */
  public static Tensor stack(int dim, Tensor... parts) {
    try (TensorVector vector = new TensorVector(parts)) {
      return torch.stack(vector, dim);
    }
  }

  /** Computes {@code x W^T}: [..., in] by weight [out, in]. */
  public static Tensor linear(Tensor x, Tensor weight) {
    return WeightCopies.product(x, weight, null).orElseGet(() -> plainLinear(x, weight));
  }

  private static Tensor plainLinear(Tensor x, Tensor weight) {
    return isVector(x, weight) ? vector(x, weight) : torch.linear(x, weight);
  }

  /**
   * Whether a product is of one row on the CPU, where no gradient is recorded: as one of a matrix
   * and a vector it takes a third of the time.
   */
  private static boolean isVector(Tensor x, Tensor weight) {
    return x.numel() == weight.size(1) && !x.is_cuda() && !GradMode.is_enabled();
  }

  private static Tensor vector(Tensor x, Tensor weight) {
    long[] sizes = sizes(x);
    sizes[sizes.length - 1] = weight.size(0);
    return weight.mv(x.reshape(-1)).view(sizes);
  }

  /** Computes {@code x W^T + b}: [..., in] by weight [out, in] and bias [out]. */
  public static Tensor linear(Tensor x, Tensor weight, Tensor bias) {
    return WeightCopies.product(x, weight, bias).orElseGet(() -> plainLinear(x, weight, bias));
  }

  private static Tensor plainLinear(Tensor x, Tensor weight, Tensor bias) {
    if (isVector(x, weight)) {
      return vector(x, weight).add(bias);
    }
    try (TensorOptional optional = new TensorOptional(bias)) {
      return torch.linear(x, weight, optional);
    }
  }

  /** Fills with a value where the mask is true. */
  public static Tensor maskedFill(Tensor tensor, Tensor mask, double value) {
    try (Scalar scalar = new Scalar(value)) {
      return tensor.masked_fill(mask, scalar);
    }
  }

  /** Pads the dimension with zeros, {@code before} and {@code after} it. */
  public static Tensor pad(Tensor tensor, int dim, long before, long after) {
    int last = (int) tensor.dim() - 1;
    long[] amounts = new long[2 * (last - dim + 1)];
    amounts[amounts.length - 2] = before;
    amounts[amounts.length - 1] = after;
    try (DoubleOptional zero = new DoubleOptional(0.0)) {
      return torch.pad(tensor, amounts, "constant", zero);
    }
  }

  /**
   * Computes the root mean square norm over the last dimension, times weight (arXiv 1910.07467).
   */
  public static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
    try (TensorOptional optional = new TensorOptional(weight);
        DoubleOptional eps = new DoubleOptional(epsilon)) {
      return torch.rms_norm(x, new long[] {x.size(-1)}, optional, eps);
    }
  }

  /** Computes the root mean square norm over the last dimension, without a weight. */
  public static Tensor rmsNorm(Tensor x, double epsilon) {
    try (TensorOptional none = new TensorOptional();
        DoubleOptional eps = new DoubleOptional(epsilon)) {
      return torch.rms_norm(x, new long[] {x.size(-1)}, none, eps);
    }
  }

  /** Returns options for a new tensor on the device of another one, in a type of its own. */
  public static TensorOptions like(Tensor tensor, ScalarType type) {
    return new TensorOptions(tensor.device()).dtype(new ScalarTypeOptional(type));
  }

  /** Returns zeros on the device and in the type of another tensor. */
  public static Tensor zeros(Tensor like, long... sizes) {
    return zeros(like, type(like), sizes);
  }

  /** Returns zeros on the device of another tensor. */
  public static Tensor zeros(Tensor like, ScalarType type, long... sizes) {
    return torch.zeros(sizes, like(like, type));
  }

  /** Returns a number, without dimensions, on the device of another tensor. */
  public static Tensor scalar(double value, Tensor like, ScalarType type) {
    try (Scalar number = new Scalar(value)) {
      return torch.full(new long[0], number, like(like, type));
    }
  }

  /** Returns a tensor of any numbers on the device of another tensor. */
  public static Tensor empty(Tensor like, ScalarType type, long... sizes) {
    try (TensorOptions options = like(like, type)) {
      return torch.empty(sizes, options, null);
    }
  }

  /**
   * Returns the range int64 [to - from]: from, from + 1, ..., to - 1, on the device of another
   * tensor.
   */
  public static Tensor range(long from, long to, Tensor like) {
    try (Scalar start = new Scalar(from);
        Scalar end = new Scalar(to)) {
      return torch.arange(start, end, like(like, ScalarType.Long));
    }
  }

  /**
   * Adds rows to those of a table, in place and in a fixed order, which {@code index_add_} does not
   * have on CUDA.
   *
   * @param table [rows, width]
   * @param rows int64 [n]: where each goes; several may go to one
   * @param values [n, width] in the type of the table
   */
  public static void addRows(Tensor table, Tensor rows, Tensor values) {
    if (table.is_cuda()) {
      table.add_(SUM_ROWS.call(values, rows, table.size(0), -1L, false)[0]);
    } else {
      table.index_add_(0, rows, values);
    }
  }

  /** Returns the single number in a tensor of any floating type. On a GPU this waits for it. */
  public static double number(Tensor tensor) {
    HostWait.check(tensor);
    return tensor.to(ScalarType.Double).item_double();
  }

  /** Returns the single number in a tensor of an integer type. On a GPU this waits for it. */
  public static long integer(Tensor tensor) {
    HostWait.check(tensor);
    return tensor.item_long();
  }

  /** Copies a tensor of numbers to the heap. On a GPU this waits for it. */
  public static double[] numbers(Tensor tensor) {
    HostWait.check(tensor);
    Tensor flat = tensor.detach().cpu().to(ScalarType.Double).contiguous().view(-1);
    double[] values = new double[(int) flat.numel()];
    if (values.length > 0) {
      flat.data_ptr_double().get(values);
    }
    return values;
  }

  /** Copies an integer tensor to the heap. On a GPU this waits for it. */
  public static long[] integers(Tensor tensor) {
    HostWait.check(tensor);
    Tensor flat = tensor.detach().cpu().to(ScalarType.Long).contiguous().view(-1);
    long[] values = new long[(int) flat.numel()];
    if (values.length > 0) {
      flat.data_ptr_long().get(values);
    }
    return values;
  }

  /** Says whether any element is true. On a GPU this waits for it. */
  public static boolean any(Tensor mask) {
    HostWait.check(mask);
    return mask.any().item_bool();
  }
}
