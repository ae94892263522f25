package dev.hydra.libtorch.runtime;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorList;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/**
 * Reaches LibTorch's operators by name, those that Java has no method for included:
 *
 * <pre>{@code
 * Tensor[] out = Operators.find("aten::_fused_adamw_", "").call(...);
 * }</pre>
 */
public final class Operators {
  private Operators() {}

  /**
   * Finds an operator.
   *
   * @param name with its namespace, such as {@code aten::_foreach_mul_}
   * @param overload the overload's name, such as {@code Scalar}; empty for the default
   * @throws IllegalArgumentException if this LibTorch has no such operator
   */
  public static Operator find(String name, String overload) {
    try {
      OperatorHandle handle = Dispatcher.singleton().findSchemaOrThrow(name, overload);
      handle.retainReference();
      return new Operator(name, handle);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("LibTorch has no operator " + name + "." + overload, e);
    }
  }

  /** Returns a tensor list argument that can be used for many calls; close it when done. */
  public static IValue list(Collection<Tensor> tensors) {
    try (PointerScope scope = new PointerScope()) {
      TensorVector vector = new TensorVector(tensors.toArray(Tensor[]::new));
      IValue value = new IValue(new GenericList((Pointer) new TensorList(vector)));
      value.retainReference();
      return value;
    }
  }

  /** An operator that can be called. */
  public static final class Operator {
    private final String name;
    private final OperatorHandle handle;

    private Operator(String name, OperatorHandle handle) {
      this.name = name;
      this.handle = handle;
    }

    /**
     * Calls the operator with every argument of the schema, in order: tensors, {@link #list lists},
     * numbers, booleans, texts, or null for None.
     *
     * @throws LibTorchException if LibTorch refuses, naming the operator
     * @return the result tensors, those of lists one by one, owned by the scope round this call
     */
    public Tensor[] call(@Nullable Object... arguments) {
      return Scopes.keepAll(
          () -> {
            IValueVector stack = new IValueVector();
            for (Object argument : arguments) {
              stack.push_back(value(argument));
            }
            try {
              handle.callBoxed(stack);
            } catch (RuntimeException e) {
              throw new LibTorchException(name + ": " + LibTorchException.readable(e), e);
            }
            return results(stack);
          });
    }

    private Tensor[] results(IValueVector stack) {
      List<Tensor> results = new ArrayList<>();
      for (long i = 0; i < stack.size(); i++) {
        IValue result = stack.get(i);
        if (result.isTensorList()) {
          TensorVector list = result.toTensorVector();
          for (long j = 0; j < list.size(); j++) {
            results.add(new Tensor(list.get(j)));
          }
        } else if (result.isTensor()) {
          results.add(new Tensor(result.toTensor()));
        } else {
          throw new IllegalStateException(name + " returns more than tensors");
        }
      }
      return results.toArray(Tensor[]::new);
    }

    private IValue value(@Nullable Object argument) {
      if (argument == null) {
        return new IValue();
      } else if (argument instanceof IValue value) {
        return value;
      } else if (argument instanceof Tensor tensor) {
        return new IValue(tensor);
      } else if (argument instanceof Double number) {
        return new IValue(number.doubleValue());
      } else if (argument instanceof Long number) {
        return new IValue(number.longValue());
      } else if (argument instanceof Integer number) {
        return new IValue(number.longValue());
      } else if (argument instanceof Boolean flag) {
        return new IValue(flag.booleanValue());
      } else if (argument instanceof String text) {
        return new IValue(text);
      }
      throw new IllegalArgumentException(name + " cannot take a " + argument.getClass());
    }
  }
}
