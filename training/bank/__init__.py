"""Banks of motion, hands, faces, shapes and cameras that the lifter is trained on."""
