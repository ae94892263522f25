package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * A linear map of rows and its gradients, of which that of the rows does not need the rows. Of its
 * parameters the weights [..., out, in] are the first. A second one that has a gradient is a bias,
 * which is added to every row.
 */
interface RowMap {
  /** All rows by one matrix; a bias may follow it. */
  RowMap DENSE =
      new RowMap() {
        @Override
        public Tensor product(Tensor rows, Tensor... parameters) {
          return parameters.length > 1
              ? Tensors.linear(rows, parameters[0], parameters[1])
              : Tensors.linear(rows, parameters[0]);
        }

        @Override
        public Tensor ofRows(Tensor arrived, Tensor... parameters) {
          return arrived.mm(parameters[0]);
        }

        @Override
        public Tensor ofWeights(Tensor arrived, Tensor rows, Tensor... parameters) {
          return arrived.t().mm(rows);
        }
      };

  /** Maps rows [rows, in] to [rows, out]. */
  Tensor product(Tensor rows, Tensor... parameters);

  /** Computes the gradient of the rows from that of what they are mapped to. */
  Tensor ofRows(Tensor arrived, Tensor... parameters);

  /** Computes the gradient of the weights from that of what the rows are mapped to. */
  Tensor ofWeights(Tensor arrived, Tensor rows, Tensor... parameters);
}
