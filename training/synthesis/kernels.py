"""The renderer's loops over triangles and pixels, compiled by numba.

Literals are float32 by name: a plain one would make everything about it float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

NEAR_M = 0.05  # triangles that reach nearer to the camera are left out

_SHADOW_BIAS_M = 0.03
_HALF, _ONE = np.float32(0.5), np.float32(1)

_jit = njit(cache=True, nogil=True, fastmath=True)


def floats(values: ArrayLike) -> np.ndarray:
    """A float32 copy: the type that the loops are compiled for."""
    return np.array(values, np.float32)


@_jit
def bounds(points, vertices):
    """Left, top, right and bottom of the points that lie before the camera."""
    left, top, right, bottom = 1e6, 1e6, -1e6, -1e6
    for i in range(len(points)):
        if vertices[i, 2] > NEAR_M:
            left, right = min(left, points[i, 0]), max(right, points[i, 0])
            top, bottom = min(top, points[i, 1]), max(bottom, points[i, 1])
    return left, top, min(right, 1e6), min(bottom, 1e6)


@_jit
def extent(points):
    """The least and the greatest x, y and z."""
    low, high = points[0].copy(), points[0].copy()
    for i in range(1, len(points)):
        for k in range(3):
            low[k] = min(low[k], points[i, k])
            high[k] = max(high[k], points[i, k])
    return low, high


@_jit
def average(colors, drawn, index, samples):
    """Mix what was drawn into the colours by the share of samples that it covers."""
    for y in range(colors.shape[0]):
        for x in range(colors.shape[1]):
            count = 0
            red = green = blue = np.float32(0)
            for j in range(y * samples, (y + 1) * samples):
                for i in range(x * samples, (x + 1) * samples):
                    if index[j, i] >= 0:
                        count += 1
                        red += drawn[j, i, 0]
                        green += drawn[j, i, 1]
                        blue += drawn[j, i, 2]
            if count:
                over = np.float32(1 / samples**2)
                left = 1 - count * over
                colors[y, x, 0] = colors[y, x, 0] * left + red * over
                colors[y, x, 1] = colors[y, x, 1] * left + green * over
                colors[y, x, 2] = colors[y, x, 2] * left + blue * over


@_jit
def project(vertices, focal_px, middle_x, middle_y):
    points = np.empty((len(vertices), 2), np.float32)
    for i in range(len(vertices)):
        z = max(vertices[i, 2], np.float32(NEAR_M))
        points[i, 0] = vertices[i, 0] / z * focal_px + middle_x
        points[i, 1] = vertices[i, 1] / z * focal_px + middle_y
    return points


@_jit
def vertex_normals(vertices, faces):
    """[V, 3] unit normals of vertices [V, 3] float32, outwards."""
    normals = np.zeros_like(vertices)
    for i in range(len(faces)):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        x1 = vertices[b, 0] - vertices[a, 0]
        y1 = vertices[b, 1] - vertices[a, 1]
        z1 = vertices[b, 2] - vertices[a, 2]
        x2 = vertices[c, 0] - vertices[a, 0]
        y2 = vertices[c, 1] - vertices[a, 1]
        z2 = vertices[c, 2] - vertices[a, 2]
        x, y, z = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
        for k in (a, b, c):
            normals[k, 0] += x
            normals[k, 1] += y
            normals[k, 2] += z
    for i in range(len(normals)):
        x, y, z = normals[i]
        length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-12)
        normals[i, 0] = x / length
        normals[i, 1] = y / length
        normals[i, 2] = z / length
    return normals


@_jit
def rasterise(points, depth, faces, is_open, nearness, index):
    """The nearest triangle of each pixel; nearness is 1 / depth, which is linear in the picture."""
    height, width = nearness.shape
    for i in range(len(faces)):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        if min(depth[a], depth[b], depth[c]) < NEAR_M:
            continue
        xa, ya = points[a, 0], points[a, 1]
        xb, yb = points[b, 0], points[b, 1]
        xc, yc = points[c, 0], points[c, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if area == 0 or (area > 0 and not is_open[i]):
            continue
        left = max(int(np.ceil(min(xa, xb, xc) - _HALF)), 0)
        right = min(int(np.floor(max(xa, xb, xc) - _HALF)), width - 1)
        top = max(int(np.ceil(min(ya, yb, yc) - _HALF)), 0)
        bottom = min(int(np.floor(max(ya, yb, yc) - _HALF)), height - 1)
        if left > right or top > bottom:
            continue
        near_a, near_b, near_c = _ONE / depth[a], _ONE / depth[b], _ONE / depth[c]
        over = _ONE / area
        bx, by = (yc - ya) * over, -(xc - xa) * over
        cx, cy = -(yb - ya) * over, (xb - xa) * over
        for y in range(top, bottom + 1):
            dy = np.float32(y) + _HALF - ya
            for x in range(left, right + 1):
                dx = np.float32(x) + _HALF - xa
                wb = dx * bx + dy * by
                wc = dx * cx + dy * cy
                if wb < 0 or wc < 0 or wb + wc > 1:
                    continue
                near = near_a + wb * (near_b - near_a) + wc * (near_c - near_a)
                if near > nearness[y, x]:
                    nearness[y, x] = near
                    index[y, x] = i


@_jit
def rasterise_depth(points, near, faces, nearness):
    """The greatest of ``near`` [V] over each pixel, for light that falls in parallel."""
    height, width = nearness.shape
    for i in range(len(faces)):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        xa, ya = points[a, 0], points[a, 1]
        xb, yb = points[b, 0], points[b, 1]
        xc, yc = points[c, 0], points[c, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if area >= 0:
            continue
        over = _ONE / area
        left = max(int(np.ceil(min(xa, xb, xc) - _HALF)), 0)
        right = min(int(np.floor(max(xa, xb, xc) - _HALF)), width - 1)
        top = max(int(np.ceil(min(ya, yb, yc) - _HALF)), 0)
        bottom = min(int(np.floor(max(ya, yb, yc) - _HALF)), height - 1)
        for y in range(top, bottom + 1):
            dy = np.float32(y) + _HALF - ya
            for x in range(left, right + 1):
                dx = np.float32(x) + _HALF - xa
                wb = (dx * (yc - ya) - dy * (xc - xa)) * over
                wc = (dy * (xb - xa) - dx * (yb - ya)) * over
                if wb < 0 or wc < 0 or wb + wc > 1:
                    continue
                value = near[a] + wb * (near[b] - near[a]) + wc * (near[c] - near[a])
                nearness[y, x] = max(nearness[y, x], value)


@_jit
def _sample(texture, u, v):
    """Colour 0..1 at (u, v) of a texture that repeats, between four of its pixels."""
    side = len(texture)
    u = (u - np.floor(u)) * np.float32(side)
    v = (v - np.floor(v)) * np.float32(side)
    i, j = int(u), int(v)
    du, dv = u - np.float32(i), v - np.float32(j)
    i, j = min(i, side - 1), min(j, side - 1)
    k = i + 1 if i + 1 < side else 0
    m = j + 1 if j + 1 < side else 0
    w00, w01 = (_ONE - du) * (_ONE - dv), du * (_ONE - dv)
    w10, w11 = (_ONE - du) * dv, du * dv
    over = np.float32(1 / 255)
    red = texture[j, i, 0] * w00 + texture[j, k, 0] * w01 + texture[m, i, 0] * w10
    green = texture[j, i, 1] * w00 + texture[j, k, 1] * w01 + texture[m, i, 1] * w10
    blue = texture[j, i, 2] * w00 + texture[j, k, 2] * w01 + texture[m, i, 2] * w10
    return (
        (red + texture[m, k, 0] * w11) * over,
        (green + texture[m, k, 1] * w11) * over,
        (blue + texture[m, k, 2] * w11) * over,
    )


@_jit
def shade(
    drawn, index, points, vertices, normals, faces, materials, uv, shade, textures, repeat_m,
    gloss, directions, colors, up, sky, ground, light_from_camera, shadow, shadow_frame,
):  # fmt: skip
    """The colour of each pixel that something covers: Blinn-Phong, and light from all around."""
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            i = index[y, x]
            if i < 0:
                continue
            a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
            xa, ya = points[a, 0], points[a, 1]
            x1, y1 = points[b, 0] - xa, points[b, 1] - ya
            x2, y2 = points[c, 0] - xa, points[c, 1] - ya
            dx, dy = np.float32(x) + _HALF - xa, np.float32(y) + _HALF - ya
            area = x1 * y2 - y1 * x2
            wb = (dx * y2 - dy * x2) / area
            wc = (dy * x1 - dx * y1) / area
            # Weights in space from weights in the picture.
            wa = (_ONE - wb - wc) / vertices[a, 2]
            wb = wb / vertices[b, 2]
            wc = wc / vertices[c, 2]
            total = _ONE / (wa + wb + wc)
            wa, wb, wc = wa * total, wb * total, wc * total
            px = wa * vertices[a, 0] + wb * vertices[b, 0] + wc * vertices[c, 0]
            py = wa * vertices[a, 1] + wb * vertices[b, 1] + wc * vertices[c, 1]
            pz = wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2]
            nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
            ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
            nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
            scale = _ONE / (np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-9))
            if area > 0:
                scale = -scale
            nx, ny, nz = nx * scale, ny * scale, nz * scale
            u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
            v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
            dim = wa * shade[a] + wb * shade[b] + wc * shade[c]
            material = materials[i]
            over = _ONE / repeat_m[material]
            red, green, blue = _sample(textures[material], u * over, v * over)
            share = (nx * up[0] + ny * up[1] + nz * up[2] + _ONE) * _HALF
            light_r = (sky[0] * share + ground[0] * (_ONE - share)) * dim
            light_g = (sky[1] * share + ground[1] * (_ONE - share)) * dim
            light_b = (sky[2] * share + ground[2] * (_ONE - share)) * dim
            shine = np.float32(0)
            far = _ONE / np.sqrt(px * px + py * py + pz * pz)
            for k in range(len(directions)):
                lx, ly, lz = directions[k, 0], directions[k, 1], directions[k, 2]
                facing = nx * lx + ny * ly + nz * lz
                if facing <= 0:
                    continue
                lit = np.float32(1)
                if k == 0:
                    lit = _lit_share(px, py, pz, light_from_camera, shadow, shadow_frame)
                light_r += colors[k, 0] * facing * lit
                light_g += colors[k, 1] * facing * lit
                light_b += colors[k, 2] * facing * lit
                hx, hy, hz = lx - px * far, ly - py * far, lz - pz * far
                half = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz)
                if half > 0:
                    half = half * half
                    half = half * half
                    half = half * half
                    half = half * half
                    shine += half * lit * colors[k, 1]
            shine *= gloss[material]
            drawn[y, x, 0] = red * light_r + shine
            drawn[y, x, 1] = green * light_g + shine
            drawn[y, x, 2] = blue * light_b + shine


@_jit
def _lit_share(px, py, pz, light_from_camera, shadow, shadow_frame):
    """0..1, how much of the light is not held off, over four of the shadow's pixels."""
    turn = light_from_camera
    sx = (turn[0, 0] * px + turn[0, 1] * py + turn[0, 2] * pz - shadow_frame[0]) * shadow_frame[2]
    sy = (turn[1, 0] * px + turn[1, 1] * py + turn[1, 2] * pz - shadow_frame[1]) * shadow_frame[2]
    near = shadow_frame[3] - (turn[2, 0] * px + turn[2, 1] * py + turn[2, 2] * pz)
    side = len(shadow)
    lit = np.float32(0)
    for j in range(2):
        for i in range(2):
            column, row = int(sx + i - _HALF), int(sy + j - _HALF)
            column, row = min(max(column, 0), side - 1), min(max(row, 0), side - 1)
            if shadow[row, column] < near + np.float32(_SHADOW_BIAS_M):
                lit += np.float32(0.25)
    return lit


@_jit
def cast_room(
    canvas, world_from_camera, focal_px, middle_x, middle_y, shrink, planes, materials, repeat_m,
    textures, shades,
):  # fmt: skip
    """The plane that each pixel's ray meets first, and its texture there."""
    height, width = canvas.shape[:2]
    ray = np.empty(3, np.float32)
    for row in range(height):
        dy = (np.float32((row + 0.5) * shrink) - middle_y) / focal_px
        for column in range(width):
            dx = (np.float32((column + 0.5) * shrink) - middle_x) / focal_px
            best = np.float32(1e9)
            plane = 0
            for axis in range(3):
                ray[axis] = (
                    world_from_camera[axis, 0] * dx
                    + world_from_camera[axis, 1] * dy
                    + world_from_camera[axis, 2]
                )
                end = 1 if ray[axis] > 0 else 0
                if abs(ray[axis]) > 1e-6:
                    far = (planes[end, axis] - world_from_camera[axis, 3]) / ray[axis]
                    if far < best:
                        best = far
                        plane = 2 * axis + end
            across = 1 if plane < 2 else 0
            along = 1 if plane >= 4 else 2
            over = _ONE / repeat_m[materials[plane]]
            u = (world_from_camera[across, 3] + best * ray[across]) * over
            v = -(world_from_camera[along, 3] + best * ray[along]) * over
            red, green, blue = _sample(textures[materials[plane]], u, v)
            canvas[row, column, 0] = red * shades[plane, 0]
            canvas[row, column, 1] = green * shades[plane, 1]
            canvas[row, column, 2] = blue * shades[plane, 2]
