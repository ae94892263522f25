package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Edge;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A tensor that several operators read, whose gradient they add up where they compute it: the first
 * backward writes it, a kernel or product of a later one adds its own as it writes. LibTorch's
 * autograd would have each written apart and add them in passes of their own, two reads and a write
 * for each reader but the first.
 *
 * <p>An operator takes part if it asks for {@link #behind} in forward and for {@link #room} in
 * backward. The gradients of those that do not are added by LibTorch as ever. Sums are in the order
 * of backward, which is that of forward reversed.
 *
 * <p>All that backward reaches has to be one run through the graph: a run that leaves out what the
 * tensor was computed of would leave its sum to the next one.
 */
public final class GradientSum extends CustomFunction {
  /**
   * By the address of their graph node, which is how a reader finds them. It is static because
   * graphs decide how long an entry is needed; it goes before the node does.
   */
  private static final Map<Long, GradientSum> SUMS = new ConcurrentHashMap<>();

  /** Nodes of operators whose result is their input in another shape, if it is as large. */
  private static final Pattern VIEW =
      Pattern.compile("(View|UnsafeView|ReshapeAlias|Alias|Squeeze|Unsqueeze)Backward\\d+");

  private long node;
  private @Nullable Tensor sum;

  private GradientSum() {}

  /**
   * Where the gradient of a tensor goes in backward.
   *
   * @param tensor contiguous, of the shape and type of what was read
   * @param adds whether the gradient is to be added to what is there; if not, that is nothing, and
   *     every element is to be written
   * @param own whether it belongs to this reader alone
   */
  public record Room(Tensor tensor, boolean adds, boolean own) {
    /** Gives it as the gradient of an input, in its shape, unless it counts in a sum. */
    public void give(Gradients gradients, int input) {
      if (own) {
        gradients.give(input, tensor.view(gradients.sizes(input)));
      }
    }
  }

  /**
   * Shares a tensor: returns an alias to be read by all, or the tensor itself where nothing is
   * gained: on the CPU, and without a gradient.
   */
  public static Tensor of(Tensor x) {
    return x.is_cuda() ? shared(x) : x;
  }

  /** Shares a tensor, wherever it is. */
  static Tensor shared(Tensor x) {
    if (!GradMode.is_enabled() || !x.requires_grad() || isInlined()) {
      return x;
    }
    GradientSum function = new GradientSum();
    Tensor alias = function.apply(x)[0];
    try (PointerScope scope = new PointerScope()) {
      function.node = alias.grad_fn().address();
    }
    SUMS.put(function.node, function);
    return alias;
  }

  /**
   * Finds the sum in which the gradient of a tensor counts: that of what {@link #of} gave, or of
   * all of it in another shape. Forward only, of what is read as it is.
   *
   * @return nothing if there is none, or no gradient is recorded
   */
  public static Optional<GradientSum> behind(Tensor x) {
    if (SUMS.isEmpty()
        || !GradMode.is_enabled()
        || isInlined()
        || !x.requires_grad()
        || x.is_leaf()
        || !x.is_contiguous()) {
      return Optional.empty();
    }
    try (PointerScope scope = new PointerScope()) {
      Node at = x.grad_fn();
      while (!SUMS.containsKey(at.address()) && isView(at)) {
        Edge edge = at.next_edge(0);
        if (!edge.is_valid()) {
          return Optional.empty();
        }
        at = edge.function();
      }
      return Optional.ofNullable(SUMS.get(at.address()));
    }
  }

  private static boolean isView(Node node) {
    try (BytePointer name = node.name()) {
      return VIEW.matcher(name.getString()).matches();
    }
  }

  /**
   * Makes room for the gradient of a tensor. Backward only, by who writes it at once.
   *
   * @param shared what was {@link #behind} it
   * @param value what was read
   */
  static Room room(Optional<GradientSum> shared, Tensor value) {
    return room(shared, value, Tensors.type(value), Tensors.sizes(value));
  }

  /**
   * Makes room likewise, for who has not kept the tensor.
   *
   * @param device a tensor on its device
   * @param type its type
   * @param sizes its sizes, or others of as many elements
   */
  public static Room room(
      Optional<GradientSum> shared, Tensor device, ScalarType type, long... sizes) {
    return shared
        .map(each -> each.room(device, type, sizes))
        .orElseGet(() -> new Room(Tensors.empty(device, type, sizes), false, true));
  }

  private synchronized Room room(Tensor device, ScalarType type, long[] sizes) {
    boolean adds = sum != null;
    if (sum == null) {
      sum = Scopes.own(Tensors.empty(device, type, sizes));
    }
    return new Room(sum.view(sizes), adds, false);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    context.atEnd(this::end);
    return new Tensor[] {inputs[0].detach()};
  }

  @Override
  protected boolean runsWithoutGradients() {
    return true;
  }

  @Override
  protected synchronized void backward(Context context, Gradients gradients) {
    if (sum == null) {
      if (gradients.arrived(0)) {
        gradients.give(0, gradients.of(0));
      }
      return;
    }
    Tensor all = sum.view(gradients.sizes(0));
    if (gradients.arrived(0)) {
      all.add_(gradients.of(0));
    }
    gradients.give(0, all);
    forget();
  }

  /** Returns the number of sums that readers may find. */
  static int waiting() {
    return SUMS.size();
  }

  private synchronized void end() {
    SUMS.remove(node, this);
    forget();
  }

  private void forget() {
    if (sum != null) {
      sum.close();
      sum = null;
    }
  }
}
