package dev.hydra.libtorch.graphs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class UploadTest {
  private static final Device CUDA = new Device("cuda:0");

  @Test
  void everyUseSeesWhatWasBroughtForItAndTheHostGoesOn() {
    Tensor target = torch.zeros(5).to(CUDA, ScalarType.Long);
    Tensor large = torch.randn(8192, 8192).to(CUDA, ScalarType.Float);
    try (SideStream stream = new SideStream(CUDA);
        Upload upload = new Upload(stream, target)) {
      stream.call(() -> large.matmul(large)); // what is slow at first use
      assertEquals(cudart.cudaSuccess, cudart.cudaDeviceSynchronize());
      List<Tensor> seen = new ArrayList<>();
      stream.call(
          () -> {
            Tensor product = large;
            for (int i = 0; i < 20; i++) {
              product = large.matmul(product);
            }
            bring(upload, 1);
            seen.add(target.clone());
            bring(upload, 2);
            seen.add(target.clone());
            return product;
          });
      assertEquals(cudart.cudaErrorNotReady, cudart.cudaStreamQuery(stream.handle()));
      cudart.cudaGetLastError(); // or the next check of LibTorch finds it
      stream.call(
          () -> {
            for (int i = 3; i < 8; i++) {
              bring(upload, i);
              seen.add(target.clone());
            }
            return target;
          });
      for (int i = 0; i < seen.size(); i++) {
        assertEquals(5 * (i + 1), Tensors.number(seen.get(i).sum()), "use " + i);
      }
    }
  }

  /** Brings so many ones, on the host int32 and overwritten at once. */
  private static void bring(Upload upload, long value) {
    try (Scalar scalar = new Scalar(value);
        Scalar other = new Scalar(-1L)) {
      Tensor host = torch.zeros(5).to(ScalarType.Int);
      host.fill_(scalar);
      upload.begin(host);
      host.fill_(other);
    }
  }
}
