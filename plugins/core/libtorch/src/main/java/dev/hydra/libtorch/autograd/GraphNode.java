package dev.hydra.libtorch.autograd;

import java.util.Arrays;
import org.bytedeco.pytorch.Edge;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Puts a call into LibTorch's graph. Java cannot subclass a graph node, so this borrows one from an
 * operator over empty tensors and turns its edges and hooks to the call.
 */
final class GraphNode {
  /** The gradient that says "none". */
  static final Tensor UNDEFINED = kept(new Tensor());

  private static final Edge NO_EDGE = new Edge();

  /** An empty parameter: operators over it make nodes. */
  private static final Tensor EMPTY = kept(torch.empty(0).set_requires_grad(true));

  static {
    NO_EDGE.retainReference();
  }

  private GraphNode() {}

  /** Keeps a constant from the scope in which this class may be loaded. */
  private static Tensor kept(Tensor constant) {
    constant.retainReference();
    return constant;
  }

  /** Makes the outputs results of the call: their backward leads through it to the inputs. */
  static void insert(RecordedCall call, Tensor[] inputs, Tensor[] outputs) {
    // The backward of a product saves its factors: so this node holds the token.
    Node holder = EMPTY.mul(LiveCalls.token(call)).grad_fn();
    Node node = inputs.length <= 2 ? holder : nodeFor(inputs.length, holder, outputs[0]);
    for (int i = 0; i < Math.max(inputs.length, 2); i++) {
      boolean needed = i < inputs.length && call.context.needsGrad(i);
      node.set_next_edge(i, needed ? edgeTo(inputs[i]) : NO_EDGE);
    }
    node.clear_input_metadata();
    // A hook that LibTorch takes over leaves its old entry among JavaCPP's live handles until the
    // next garbage collection; taken off first, it does not.
    call.before.deallocate(false);
    call.after.deallocate(false);
    node.add_pre_hook(call.before);
    node.add_post_hook(call.after);
    for (int output : call.differentiable) {
      torch.create_gradient_edge(outputs[output], node);
    }
  }

  /**
   * Makes a node with more edges than a product has, from a concatenation. It saves no tensor, so
   * its last edge leads on to the holder of the token, which is on the same device's thread.
   */
  private static Node nodeFor(int inputs, Node holder, Tensor output) {
    holder.set_next_edge(0, NO_EDGE);
    holder.clear_input_metadata();
    holder.add_input_metadata(output);
    Tensor[] empties = new Tensor[inputs + 1];
    Arrays.fill(empties, EMPTY);
    Node node = torch.cat(new TensorVector(empties)).grad_fn();
    node.set_next_edge(inputs, new Edge(holder, 0));
    return node;
  }

  /**
   * Returns where the gradient of a tensor goes. A leaf's own {@code grad_fn()} would leak memory.
   */
  private static Edge edgeTo(Tensor tensor) {
    return tensor.is_leaf()
        ? tensor.alias().grad_fn().next_edge(0)
        : new Edge(tensor.grad_fn(), (int) tensor.output_nr());
  }
}
